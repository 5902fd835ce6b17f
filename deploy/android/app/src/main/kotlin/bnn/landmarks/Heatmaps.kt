package bnn.landmarks

import kotlin.math.PI
import kotlin.math.exp
import kotlin.math.max
import kotlin.math.min

/* From a network's maps to points and scores: what bnn_landmarks/geometry/heatmaps.py computes. */

/** maps: values [height, width, count]. */
class Maps(val height: Int, val width: Int, val count: Int, val values: FloatArray) {
    fun at(y: Int, x: Int, k: Int) = values[(y * width + x) * count + k]
}

/** points: x, y, x, y, ... in crop pixels. values: each map's at its peak. */
class Peaks(val points: FloatArray, val values: FloatArray)

private const val WINDOW = 3

/**
 * One point per map. stride: crop pixels per map pixel. score, from the .json: "softmax", the mean of the map's softmax over
 * the window, three map pixels to each side of its middle, that holds most of it; "sigmoid", the largest value's place
 * moved a quarter of a map pixel towards the larger neighbour in x and in y, not at the border. Of equal values and
 * windows the first in row order.
 */
fun decode(maps: Maps, stride: Int, score: String): Peaks {
    val points = FloatArray(2 * maps.count)
    val values = FloatArray(maps.count)
    for (k in 0 until maps.count) {
        var best = 0
        for (i in 1 until maps.height * maps.width) {
            if (maps.values[i * maps.count + k] > maps.values[best * maps.count + k]) best = i
        }
        values[k] = maps.values[best * maps.count + k]
        val (x, y) = if (score == "softmax") windowMean(maps, k, values[k]) else quarterPeak(maps, k, best)
        points[2 * k] = (stride * (x + 0.5) - 0.5).toFloat()
        points[2 * k + 1] = (stride * (y + 0.5) - 0.5).toFloat()
    }
    return Peaks(points, values)
}

private fun windowMean(maps: Maps, k: Int, peak: Float): Pair<Double, Double> {
    val height = maps.height
    val width = maps.width
    val shares = DoubleArray(height * width) { exp((maps.values[it * maps.count + k] - peak).toDouble()) }
    val rows = DoubleArray(height * width)
    for (y in 0 until height) {
        for (x in 0 until width) {
            for (j in max(0, y - WINDOW)..min(height - 1, y + WINDOW)) rows[y * width + x] += shares[j * width + x]
        }
    }
    var best = 0
    var most = -1.0
    for (y in 0 until height) {
        for (x in 0 until width) {
            var sum = 0.0
            for (i in max(0, x - WINDOW)..min(width - 1, x + WINDOW)) sum += rows[y * width + i]
            if (sum > most) {
                most = sum
                best = y * width + x
            }
        }
    }
    val x = best % width
    val y = best / width
    var total = 0.0
    var dx = 0.0
    var dy = 0.0
    for (j in max(0, y - WINDOW)..min(height - 1, y + WINDOW)) {
        for (i in max(0, x - WINDOW)..min(width - 1, x + WINDOW)) {
            val share = shares[j * width + i]
            total += share
            dx += share * (i - x)
            dy += share * (j - y)
        }
    }
    return Pair(x + dx / total, y + dy / total)
}

private fun quarterPeak(maps: Maps, k: Int, best: Int): Pair<Double, Double> {
    val x = best % maps.width
    val y = best / maps.width
    if (x == 0 || x == maps.width - 1 || y == 0 || y == maps.height - 1) return Pair(x.toDouble(), y.toDouble())
    val dx = quarter(maps.at(y, x + 1, k), maps.at(y, x - 1, k))
    val dy = quarter(maps.at(y + 1, x, k), maps.at(y - 1, x, k))
    return Pair(x + dx, y + dy)
}

private fun quarter(more: Float, less: Float) = if (more > less) 0.25 else if (more < less) -0.25 else 0.0

/** Confidence in [0, 1] of each landmark. score: "sigmoid" or "softmax", sigma: map pixels; both from the .json. */
fun scores(maps: Maps, peaks: Peaks, score: String, sigma: Double): FloatArray =
    FloatArray(maps.count) { k ->
        val peak = peaks.values[k]
        if (score == "sigmoid") {
            1 / (1 + exp(-peak))
        } else {
            var sum = 0.0
            for (i in k until maps.values.size step maps.count) sum += exp(maps.values[i] - peak)
            min(1.0, 2 * PI * sigma * sigma / sum).toFloat()
        }
    }
