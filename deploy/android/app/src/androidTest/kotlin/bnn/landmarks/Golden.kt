package bnn.landmarks

import java.io.File
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.ZipInputStream
import kotlin.math.abs

/*
 * Holds the app's cropping, decoding and tracking against golden vectors written by Python. Nothing of Android here:
 * PortTest runs it on a device, the project's tests/deploy on the JVM.
 */

/** One array of an .npz. bytes: its values, little-endian, in C order. */
class Npy(val shape: IntArray, private val type: String, val bytes: ByteBuffer) {
    val isBytes get() = type == "|u1"

    fun numbers() = when (type) {
        "|u1" -> DoubleArray(bytes.limit()) { (bytes.get(it).toInt() and 255).toDouble() }
        "<f4" -> DoubleArray(bytes.limit() / 4) { bytes.getFloat(4 * it).toDouble() }
        "<f8" -> DoubleArray(bytes.limit() / 8) { bytes.getDouble(8 * it) }
        else -> throw IllegalArgumentException("no reader for the type $type")
    }

    fun floats(): FloatArray = numbers().let { values -> FloatArray(values.size) { values[it].toFloat() } }
}

/** The arrays of an .npz: a zip of .npy files, version 1, each with a text header that tells type and shape. */
fun readNpz(stream: InputStream): Map<String, Npy> {
    val arrays = HashMap<String, Npy>()
    ZipInputStream(stream).use { zip ->
        generateSequence { zip.nextEntry }.forEach { entry ->
            val file = zip.readBytes()
            val start = 10 + (file[8].toInt() and 255) + 256 * (file[9].toInt() and 255)
            val header = String(file, 10, start - 10, Charsets.US_ASCII)
            require("'fortran_order': False" in header) { "${entry.name} is not in C order" }
            val shape = header.substringAfter("'shape': (").substringBefore(")").split(",")
            arrays[entry.name.removeSuffix(".npy")] = Npy(
                shape.map { it.trim() }.filter { it.isNotEmpty() }.map { it.toInt() }.toIntArray(),
                header.substringAfter("'descr': '").substringBefore("'"),
                ByteBuffer.wrap(file, start, file.size - start).slice().order(ByteOrder.LITTLE_ENDIAN)
            )
        }
    }
    return arrays
}

/** Throws an AssertionError that says what differs where a number is off by more than the tolerance. */
fun compare(what: String, found: DoubleArray, expected: DoubleArray, tolerance: Double) {
    if (found.size != expected.size) throw AssertionError("$what: ${found.size} numbers, not ${expected.size}")
    for (i in found.indices) {
        if (!(abs(found[i] - expected[i]) <= tolerance)) {
            throw AssertionError("$what: number $i is ${found[i]}, not ${expected[i]}")
        }
    }
}

private fun FloatArray.wide() = DoubleArray(size) { this[it].toDouble() }

private fun pictureOf(image: Npy): Picture {
    val values = image.numbers()
    return Picture(image.shape[1], image.shape[0], IntArray(values.size / 3) { i ->
        (255 shl 24) or (values[3 * i].toInt() shl 16) or (values[3 * i + 1].toInt() shl 8) or values[3 * i + 2].toInt()
    })
}

fun checkCrop(name: String, arrays: Map<String, Npy>) {
    fun array(key: String) = arrays.getValue("crop/$name/$key")
    val (mean, padding, size) = array("options").numbers().toList()
    val (x, y, width, height) = array("box").numbers().toList()
    val square = squareAround(Box(x, y, width, height), if (mean != 0.0) "mean" else "max", padding)
    compare("$name square", doubleArrayOf(square.centerX, square.centerY, square.side), array("square").numbers(), 1e-9)
    val affine = affineOf(square, size.toInt())
    val matrix = doubleArrayOf(affine.scale, 0.0, affine.shiftX, 0.0, affine.scale, affine.shiftY)
    compare("$name matrix", matrix, array("matrix").numbers(), 1e-9)
    val patch = crop(pictureOf(array("image")), square, size.toInt())
    val levels = DoubleArray(patch.size) { (patch[it].toInt() and 255).toDouble() }
    compare("$name grey levels", levels, array("patch").numbers(), 1.0)
    val exact = array("patch").numbers()
    val input = toInput(ByteArray(exact.size) { exact[it].toInt().toByte() })
    compare("$name input", input.wide(), array("input").numbers(), 0.0)
}

fun checkDecode(arrays: Map<String, Npy>) {
    fun array(key: String) = arrays.getValue("decode/$key")
    val (stride, sigma) = array("options").numbers().toList()
    val (height, width, count) = array("maps").shape.toList()
    val maps = Maps(height, width, count, array("maps").floats())
    val matrix = array("matrix").numbers()
    for (score in listOf("softmax", "sigmoid")) {
        val peaks = decode(maps, stride.toInt(), score)
        compare("$score points", peaks.points.wide(), array("$score/points").numbers(), 1e-3)
        compare("$score peaks", peaks.values.wide(), array("peaks").numbers(), 0.0)
        compare(score, scores(maps, peaks, score, sigma).wide(), array(score).numbers(), 1e-5)
        val restored = restore(peaks.points, Affine(matrix[0], matrix[2], matrix[5]))
        compare("$score restored", restored, array("$score/restored").numbers(), 1e-3)
    }
}

fun checkTracking(arrays: Map<String, Npy>) {
    fun array(key: String) = arrays.getValue("track/$key").numbers()
    val (height, width) = array("frame").map { it.toInt() }
    val seconds = array("seconds")
    val points = array("points")
    val seen = arrays.getValue("track/scores").floats()
    val count = seen.size / seconds.size
    val tracker = Tracker()
    val boxes = ArrayList<Double>()
    val smooth = ArrayList<Double>()
    for (t in seconds.indices) {
        val box = tracker.where(width, height)
        boxes += listOf(box.x, box.y, box.width, box.height)
        val here = points.copyOfRange(2 * count * t, 2 * count * (t + 1))
        smooth += tracker.follow(here, seen.copyOfRange(count * t, count * (t + 1)), seconds[t], width, height).toList()
    }
    compare("boxes", boxes.toDoubleArray(), array("boxes"), 1e-3)
    compare("smoothed points", smooth.toDoubleArray(), array("smooth"), 1e-3)
}

fun checkPorts(arrays: Map<String, Npy>) {
    val names = arrays.keys.filter { it.startsWith("crop/") }.map { it.split("/")[1] }.distinct()
    require(names.isNotEmpty()) { "there is no crop among the golden vectors" }
    names.forEach { checkCrop(it, arrays) }
    checkDecode(arrays)
    checkTracking(arrays)
}

/** The points and scores of a network's golden maps, as the exporter writes them beside the network. */
fun checkDecodedModel(arrays: Map<String, Npy>, score: String, sigma: Double) {
    val (batch, height, width, count) = arrays.getValue("maps").shape.toList()
    require(batch == 1) { "the app runs one image per call, the file $batch" }
    val maps = Maps(height, width, count, arrays.getValue("maps").floats())
    val peaks = decode(maps, arrays.getValue("input").shape[1] / height, score)
    compare("the model's points", peaks.points.wide(), arrays.getValue("points").numbers(), 1e-3)
    compare("the model's scores", scores(maps, peaks, score, sigma).wide(), arrays.getValue("scores").numbers(), 1e-5)
}

/** ports.golden.npz [model.golden.npz SCORE SIGMA] */
fun main(args: Array<String>) {
    checkPorts(readNpz(File(args[0]).inputStream()))
    if (args.size == 4) checkDecodedModel(readNpz(File(args[1]).inputStream()), args[2], args[3].toDouble())
    println("equal to Python's")
}
