package bnn.landmarks

import android.graphics.Bitmap
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import kotlin.math.max

/** A frame and what was found in it. points: x, y, x, y, ... in the frame's pixels. seconds: since the frame before. */
class Found(val frame: Bitmap, val points: DoubleArray, val scores: FloatArray, val seconds: Double)

/** Camera frame -> crop -> network -> landmarks, one subject, followed from frame to frame. */
class LandmarkAnalyzer(private val network: Network, private val show: (Found) -> Unit) : ImageAnalysis.Analyzer {
    private val tracker = Tracker()
    private var before = 0L

    override fun analyze(image: ImageProxy) {
        val time = image.imageInfo.timestamp
        val seconds = max((time - before) / 1e9, 1e-3)
        before = time
        val frame = image.use { it.toBitmap() }
        val picture = pictureOf(frame)
        val spec = network.spec
        val square = squareAround(tracker.where(picture.width, picture.height), spec.boxSide, spec.padding)
        val maps = network.run(crop(picture, square, spec.inputSize))
        val peaks = decode(maps, spec.stride, spec.score)
        val scores = scores(maps, peaks, spec.score, spec.sigma)
        val points = restore(peaks.points, affineOf(square, spec.inputSize))
        show(Found(frame, tracker.follow(points, scores, seconds, picture.width, picture.height), scores, seconds))
    }
}

fun pictureOf(bitmap: Bitmap): Picture {
    val pixels = IntArray(bitmap.width * bitmap.height)
    bitmap.getPixels(pixels, 0, bitmap.width, 0, 0, bitmap.width, bitmap.height)
    return Picture(bitmap.width, bitmap.height, pixels)
}
