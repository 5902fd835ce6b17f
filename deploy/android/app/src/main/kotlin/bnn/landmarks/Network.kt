package bnn.landmarks

import android.content.res.AssetManager
import java.io.Closeable
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.json.JSONArray
import org.json.JSONObject
import org.tensorflow.lite.Interpreter

/** What the .json beside an exported file says of it. mapShape: height, width, landmarks. edges: pairs of landmarks. */
class Spec(json: String) {
    private val record = JSONObject(json)
    private val crop = record.getJSONObject("crop")
    private val decode = record.getJSONObject("decode")
    private val inputShape = record.getJSONArray("input_shape").ints()
    val inputSize = inputShape[1]
    val uint8 = record.getString("input") == "uint8"
    val mapShape = record.getJSONArray("output_shape").ints().drop(1)
    val boxSide: String = crop.getString("box_side")
    val padding = crop.getDouble("padding")
    val stride = decode.getInt("stride")
    val score: String
    val sigma: Double
    val edges = record.getJSONArray("edges").let { pairs -> List(pairs.length()) { pairs.getJSONArray(it).ints() } }

    init {
        val name = record.getString("name")
        require(decode.has("score")) { "$name finds parts; this app shows landmarks" }
        require(inputShape[0] == 1) { "$name runs ${inputShape[0]} images per call; export it with --batch 1" }
        score = decode.getString("score")
        sigma = decode.getDouble("sigma")
    }

    private fun JSONArray.ints() = List(length()) { getInt(it) }
}

/**
 * An exported network, NAME.tflite and NAME.json among the assets. Use it on one thread.
 * Throws an IOException where they are missing, a RuntimeException that says why where they can't be run.
 */
class Network(assets: AssetManager, name: String, threads: Int) : Closeable {
    val spec = Spec(assets.open("$name.json").reader().use { it.readText() })
    private val model = assets.open("$name.tflite").use { direct(it.readBytes()) }
    private val input = buffer(spec.inputSize * spec.inputSize * 3 * if (spec.uint8) 1 else Float.SIZE_BYTES)
    private val output = buffer(spec.mapShape.reduce(Int::times) * Float.SIZE_BYTES)
    private val binaryOps = BinaryOps(threads)
    private val interpreter = try {
        Interpreter(model, Interpreter.Options().addDelegate(binaryOps).setNumThreads(threads))
    } catch (error: RuntimeException) {
        binaryOps.close()
        throw error
    }

    /** The maps of a crop: RGB bytes, inputSize x inputSize. */
    fun run(patch: ByteArray): Maps {
        input.clear()
        if (spec.uint8) input.put(patch) else input.asFloatBuffer().put(toInput(patch))
        return run(input)
    }

    /** The maps of what the file itself reads, its bytes in native order. */
    fun run(given: ByteBuffer): Maps {
        given.rewind()
        output.clear()
        interpreter.run(given, output)
        val (height, width, count) = spec.mapShape
        output.rewind()
        return Maps(height, width, count, FloatArray(height * width * count).also { output.asFloatBuffer().get(it) })
    }

    override fun close() {
        interpreter.close()
        binaryOps.close()
    }

    private fun buffer(bytes: Int) = ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder())

    private fun direct(bytes: ByteArray) = buffer(bytes.size).apply { put(bytes).rewind() }
}
