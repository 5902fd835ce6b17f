package bnn.landmarks

import kotlin.math.ceil
import kotlin.math.floor
import kotlin.math.max
import kotlin.math.min
import kotlin.math.round

/*
 * From a picture and a box to the square a network reads, and back: what bnn_landmarks/geometry/crops.py computes.
 * Coordinates are 0-based pixel centres, x right and y down.
 */

data class Box(val x: Double, val y: Double, val width: Double, val height: Double)

/** pixels: ARGB, rows from the top, as Bitmap.getPixels gives them. */
class Picture(val width: Int, val height: Int, val pixels: IntArray)

class Square(val centerX: Double, val centerY: Double, val side: Double)

/** crop = scale * image + shift, in x and in y. */
class Affine(val scale: Double, val shiftX: Double, val shiftY: Double)

/** boxSide: "max" or "mean", as in the model's .json. */
fun squareAround(box: Box, boxSide: String, padding: Double): Square {
    val side = if (boxSide == "max") max(box.width, box.height) else (box.width + box.height) / 2
    return Square(box.x + box.width / 2, box.y + box.height / 2, padding * side)
}

fun affineOf(square: Square, size: Int): Affine {
    val scale = size / square.side
    return Affine(scale, (size - 1) / 2.0 - scale * square.centerX, (size - 1) / 2.0 - scale * square.centerY)
}

/** Crop pixels x, y, x, y, ... as image pixels. */
fun restore(points: FloatArray, affine: Affine): DoubleArray =
    DoubleArray(points.size) { i ->
        (points[i] - if (i % 2 == 0) affine.shiftX else affine.shiftY) / affine.scale
    }

/**
 * The square as size x size RGB pixels: bilinear, black outside the picture; averaged down by a whole factor first where
 * the picture shrinks by more than two.
 */
fun crop(given: Picture, square: Square, size: Int): ByteArray {
    var affine = affineOf(square, size)
    var picture = given
    val factor = (0.5 / affine.scale).toInt()
    if (factor > 1) {
        val cells = Cells(given, affine, size, factor)
        picture = cells.average()
        affine = cells.affine()
    }
    val patch = ByteArray(size * size * 3)
    val fromX = IntArray(size) { sourceX(it, affine) }
    var out = 0
    for (v in 0 until size) {
        val sourceY = sourceY(v, affine)
        val y = sourceY shr 5
        val partY = sourceY and 31
        for (sourceX in fromX) {
            val x = sourceX shr 5
            val partX = sourceX and 31
            val a = picture.at(x, y)
            val b = picture.at(x + 1, y)
            val c = picture.at(x, y + 1)
            val d = picture.at(x + 1, y + 1)
            for (shift in CHANNELS) {
                val upper = (a shr shift and 255) * (32 - partX) + (b shr shift and 255) * partX
                val lower = (c shr shift and 255) * (32 - partX) + (d shr shift and 255) * partX
                patch[out++] = ((upper * (32 - partY) + lower * partY + 512) shr 10).toByte()
            }
        }
    }
    return patch
}

private val CHANNELS = intArrayOf(16, 8, 0)

private fun Picture.at(x: Int, y: Int) = if (x in 0 until width && y in 0 until height) pixels[y * width + x] else 0

/** The cells of factor x factor pixels that a crop covers. */
private class Cells(val picture: Picture, val fine: Affine, size: Int, val factor: Int) {
    val left = first((-1 - fine.shiftX) / fine.scale, picture.width)
    val top = first((-1 - fine.shiftY) / fine.scale, picture.height)
    val right = last((size - fine.shiftX) / fine.scale, picture.width)
    val bottom = last((size - fine.shiftY) / fine.scale, picture.height)

    private fun first(pixel: Double, length: Int) = (floor(pixel).toInt() - factor).coerceIn(0, length - 1) / factor

    private fun last(pixel: Double, length: Int) = (ceil(pixel).toInt() + factor).coerceIn(0, length - 1) / factor

    /** One pixel a cell. At the right and bottom border the last pixel is repeated to fill a cell. */
    fun average(): Picture {
        val width = right - left + 1
        val height = bottom - top + 1
        val area = factor * factor
        return Picture(width, height, IntArray(width * height) { i ->
            var red = area / 2
            var green = area / 2
            var blue = area / 2
            for (dy in 0 until factor) {
                val row = min((top + i / width) * factor + dy, picture.height - 1) * picture.width
                for (dx in 0 until factor) {
                    val pixel = picture.pixels[row + min((left + i % width) * factor + dx, picture.width - 1)]
                    red += pixel shr 16 and 255
                    green += pixel shr 8 and 255
                    blue += pixel and 255
                }
            }
            (red / area shl 16) or (green / area shl 8) or (blue / area)
        })
    }

    fun affine(): Affine {
        val middle = (factor - 1) / 2.0
        return Affine(
            fine.scale * factor,
            fine.scale * (left * factor + middle) + fine.shiftX,
            fine.scale * (top * factor + middle) + fine.shiftY
        )
    }
}

// Where in the picture a crop pixel lies, in 1/32 pixels. These are OpenCV's roundings, once in y and twice in x.
private fun fixed(pixels: Double) = round(pixels * 1024).toInt()

private fun inverse(affine: Affine) = affine.scale * (1 / (affine.scale * affine.scale))

private fun sourceX(u: Int, affine: Affine) =
    (fixed(-inverse(affine) * affine.shiftX) + 16 + fixed(inverse(affine) * u)) shr 5

private fun sourceY(v: Int, affine: Affine) =
    (fixed(inverse(affine) * v - inverse(affine) * affine.shiftY) + 16) shr 5

/** What a float32 network reads of a crop: values in [0, 1]. */
fun toInput(patch: ByteArray) = FloatArray(patch.size) { (patch[it].toInt() and 255) / 255f }
