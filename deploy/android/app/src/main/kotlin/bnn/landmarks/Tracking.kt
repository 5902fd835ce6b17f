package bnn.landmarks

import kotlin.math.PI
import kotlin.math.hypot
import kotlin.math.max
import kotlin.math.min

/* Following a subject from frame to frame: what video.py and detect.py of bnn_landmarks/inference
 * and smooth.py of bnn_landmarks/geometry compute. */

/**
 * The box tight around the landmarks that score at least the threshold; null where fewer than three do, or they have no
 * area: the subject is lost. points: x, y, x, y, ...
 */
fun boxFromLandmarks(points: DoubleArray, scores: FloatArray, threshold: Float): Box? {
    var left = Double.POSITIVE_INFINITY
    var top = Double.POSITIVE_INFINITY
    var right = Double.NEGATIVE_INFINITY
    var bottom = Double.NEGATIVE_INFINITY
    var seen = 0
    for (k in scores.indices) {
        if (scores[k] < threshold) continue
        seen++
        left = min(left, points[2 * k])
        right = max(right, points[2 * k])
        top = min(top, points[2 * k + 1])
        bottom = max(bottom, points[2 * k + 1])
    }
    return if (seen < 3 || right <= left || bottom <= top) null else Box(left, top, right - left, bottom - top)
}

/** The One Euro filter (Casiez, Roussel & Vogel, CHI 2012). Cut-offs in Hz, beta in Hz by subject sizes a second. */
class OneEuro(private val minCutoff: Double = 1.0, private val beta: Double = 8.0, private val speedCutoff: Double = 1.0) {
    private var points: DoubleArray? = null
    private var speed = DoubleArray(0)

    fun reset() {
        points = null
    }

    /** Smoothed points. seconds: since the last call, positive. size: of the subject, pixels. */
    fun filter(given: DoubleArray, seconds: Double, size: Double): DoubleArray {
        val last = points
        if (last == null) {
            speed = DoubleArray(given.size)
            return given.also { points = it }
        }
        for (i in given.indices) {
            speed[i] += share(speedCutoff, seconds) * ((given[i] - last[i]) / (seconds * size) - speed[i])
        }
        return DoubleArray(given.size) { i ->
            val fast = hypot(speed[i / 2 * 2], speed[i / 2 * 2 + 1])
            last[i] + share(minCutoff + beta * fast, seconds) * (given[i] - last[i])
        }.also { points = it }
    }

    private fun share(cutoff: Double, seconds: Double): Double {
        val rate = 2 * PI * cutoff * seconds
        return rate / (rate + 1)
    }
}

/** One subject: looked for in the whole frame until found, then around its last landmarks until lost or gone. */
class Tracker(private val threshold: Float = 0.1f) {
    private val filter = OneEuro()
    private var box: Box? = null

    /** Where to look in a frame of this size. */
    fun where(width: Int, height: Int) = box ?: Box(-0.5, -0.5, width.toDouble(), height.toDouble())

    /** The landmarks found there, smoothed. seconds: since the frame before. */
    fun follow(points: DoubleArray, scores: FloatArray, seconds: Double, width: Int, height: Int): DoubleArray {
        if (box == null) filter.reset()
        val looked = where(width, height)
        val smooth = filter.filter(points, seconds, max(looked.width, looked.height))
        box = boxFromLandmarks(smooth, scores, threshold)?.takeIf {
            it.x < width && it.y < height && it.x + it.width > 0 && it.y + it.height > 0
        }
        return smooth
    }
}
