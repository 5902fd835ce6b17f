package bnn.landmarks

import android.content.res.AssetManager
import java.io.Closeable
import org.json.JSONArray
import org.json.JSONObject

/** What the .json beside an exported file says of it. mapShape: height, width, landmarks. edges: pairs of landmarks. */
class Spec(json: String) {
    private val record = JSONObject(json)
    private val crop = record.getJSONObject("crop")
    private val decode = record.getJSONObject("decode")
    private val inputShape = record.getJSONArray("input_shape").ints()
    val inputSize = inputShape[1]
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
    private val engine = Engine(assets.open("$name.tflite").use { it.readBytes() }, threads)

    /** The maps of a crop: RGB bytes, inputSize x inputSize. Overwritten by the next run. */
    fun run(patch: ByteArray) = maps(engine.run(patch))

    /** The same of RGB in [0, 1]. */
    fun run(image: FloatArray) = maps(engine.run(image))

    override fun close() = engine.close()

    private fun maps(values: FloatArray): Maps {
        val (height, width, count) = spec.mapShape
        return Maps(height, width, count, values)
    }
}
