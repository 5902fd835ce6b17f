package bnn.landmarks

import org.tensorflow.lite.Delegate

/**
 * Runs a file's Larq Compute Engine operators on stock LiteRT. Close it after the interpreter that uses it.
 * threads: 0 for the interpreter's own number. Throws an IllegalStateException where it can't be made.
 */
class BinaryOps(threads: Int) : Delegate {
    private var handle = create(threads)

    override fun getNativeHandle() = handle

    override fun close() {
        destroy(handle)
        handle = 0
    }

    private external fun create(threads: Int): Long

    private external fun destroy(handle: Long)

    private companion object {
        init {
            System.loadLibrary("bnn_landmarks_jni")
        }
    }
}
