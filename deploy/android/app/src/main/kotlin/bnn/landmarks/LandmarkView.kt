package bnn.landmarks

import android.content.Context
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import android.graphics.RectF
import android.view.View
import kotlin.math.min

/** The last frame, as large as fits, with its landmarks and frames a second; or a message. */
class LandmarkView(context: Context) : View(context) {
    var edges: List<List<Int>> = emptyList()
    private var found: Found? = null
    private var message = ""
    private val paint = Paint(Paint.ANTI_ALIAS_FLAG).apply {
        color = Color.GREEN
        strokeCap = Paint.Cap.ROUND
        textSize = 20 * resources.displayMetrics.density
    }

    fun show(given: Found) {
        found = given
        message = "%.1f frames/s".format(1 / given.seconds)
        invalidate()
    }

    fun say(text: String) {
        found = null
        message = text
        invalidate()
    }

    override fun onDraw(canvas: Canvas) {
        canvas.drawColor(Color.BLACK)
        found?.let { draw(canvas, it) }
        canvas.drawText(message, paint.textSize, height - 3 * paint.textSize, paint)
    }

    private fun draw(canvas: Canvas, found: Found) {
        val scale = min(width / found.frame.width.toFloat(), height / found.frame.height.toFloat())
        val left = (width - scale * found.frame.width) / 2
        val top = (height - scale * found.frame.height) / 2
        canvas.drawBitmap(found.frame, null, RectF(left, top, width - left, height - top), null)
        // A landmark is where a pixel has its centre.
        fun x(k: Int) = left + scale * (found.points[2 * k] + 0.5).toFloat()
        fun y(k: Int) = top + scale * (found.points[2 * k + 1] + 0.5).toFloat()
        fun shown(k: Int) = found.scores[k] >= SHOWN
        paint.strokeWidth = min(width, height) / 120f
        for ((a, b) in edges) {
            if (shown(a) && shown(b)) canvas.drawLine(x(a), y(a), x(b), y(b), paint)
        }
        for (k in found.scores.indices) {
            if (shown(k)) canvas.drawCircle(x(k), y(k), paint.strokeWidth, paint)
        }
    }

    private companion object {
        const val SHOWN = 0.2f
    }
}
