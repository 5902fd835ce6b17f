package bnn.landmarks

import java.io.Closeable

/**
 * The project's engine (bnn_engine.h): a .tflite file's bytes, and threads of one run. Use it on one thread.
 * Throws an IllegalArgumentException that says why where the file can't be run.
 */
class Engine(model: ByteArray, threads: Int) : Closeable {
    private var handle = open(model, threads)
    val outputSize = outputSize(handle)

    /** The maps of an image: RGB bytes. Overwritten by the next run. */
    val maps = FloatArray(outputSize)

    fun run(image: ByteArray): FloatArray = maps.also { runBytes(handle, image, it) }

    /** The same of RGB in [0, 1]. */
    fun run(image: FloatArray): FloatArray = maps.also { runFloats(handle, image, it) }

    override fun close() {
        close(handle)
        handle = 0
    }

    private companion object {
        init {
            System.loadLibrary("bnn_landmarks_jni")
        }

        @JvmStatic
        external fun open(model: ByteArray, threads: Int): Long

        @JvmStatic
        external fun close(handle: Long)

        @JvmStatic
        external fun outputSize(handle: Long): Int

        @JvmStatic
        external fun runBytes(handle: Long, image: ByteArray, maps: FloatArray)

        @JvmStatic
        external fun runFloats(handle: Long, image: FloatArray, maps: FloatArray)
    }
}
