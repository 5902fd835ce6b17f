package bnn.landmarks

/** Makes and frees a delegate through the app's JNI; prints what it says of a wrong number of threads. */
fun main() {
    BinaryOps(2).use { check(it.getNativeHandle() != 0L) }
    try {
        BinaryOps(-1)
    } catch (error: IllegalStateException) {
        println(error.message)
    }
}
