package bnn.landmarks

import kotlin.math.PI
import kotlin.math.exp
import kotlin.math.max
import kotlin.math.min

/* From a network's maps to points and scores: what bnn_landmarks/heatmaps.py computes. */

/** maps: values [height, width, count]. */
class Maps(val height: Int, val width: Int, val count: Int, val values: FloatArray) {
    fun at(y: Int, x: Int, k: Int) = values[(y * width + x) * count + k]
}

/** points: x, y, x, y, ... in crop pixels. values: each map's at its peak. */
class Peaks(val points: FloatArray, val values: FloatArray)

private const val WINDOW = 3

/**
 * One point a map. The peak is the first largest value in row order. stride: crop pixels a map pixel. score, from the
 * .json: "softmax", the mean of the map's softmax over the three map pixels around the peak on either side; "sigmoid",
 * the peak moved a quarter of a map pixel towards the larger neighbour in x and in y, not at the border.
 */
fun decode(maps: Maps, stride: Int, score: String): Peaks {
    val points = FloatArray(2 * maps.count)
    val values = FloatArray(maps.count)
    for (k in 0 until maps.count) {
        var best = 0
        for (i in 1 until maps.height * maps.width) {
            if (maps.values[i * maps.count + k] > maps.values[best * maps.count + k]) best = i
        }
        val x = best % maps.width
        val y = best / maps.width
        var dx = 0f
        var dy = 0f
        if (score == "softmax") {
            var total = 0f
            for (j in max(0, y - WINDOW)..min(maps.height - 1, y + WINDOW)) {
                for (i in max(0, x - WINDOW)..min(maps.width - 1, x + WINDOW)) {
                    val weight = exp(maps.at(j, i, k) - maps.at(y, x, k))
                    total += weight
                    dx += weight * (i - x)
                    dy += weight * (j - y)
                }
            }
            dx /= total
            dy /= total
        } else if (x > 0 && x < maps.width - 1 && y > 0 && y < maps.height - 1) {
            dx = quarter(maps.at(y, x + 1, k), maps.at(y, x - 1, k))
            dy = quarter(maps.at(y + 1, x, k), maps.at(y - 1, x, k))
        }
        points[2 * k] = stride * (x + dx + 0.5f) - 0.5f
        points[2 * k + 1] = stride * (y + dy + 0.5f) - 0.5f
        values[k] = maps.at(y, x, k)
    }
    return Peaks(points, values)
}

private fun quarter(more: Float, less: Float) = if (more > less) 0.25f else if (more < less) -0.25f else 0f

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
