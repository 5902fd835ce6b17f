package bnn.landmarks

import androidx.test.ext.junit.runners.AndroidJUnit4
import androidx.test.platform.app.InstrumentationRegistry
import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.math.abs
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith

private const val MODEL = "pose"

/** The golden vectors, on the device. */
@RunWith(AndroidJUnit4::class)
class PortTest {
    private val instrumentation = InstrumentationRegistry.getInstrumentation()

    private fun vectors(name: String) = readNpz(instrumentation.context.assets.open("$name.golden.npz"))

    private fun network() = Network(instrumentation.targetContext.assets, MODEL, 2)

    @Test
    fun cropDecodeAndTrackingAreAsInPython() = checkPorts(vectors("ports"))

    @Test
    fun theModelsMapsDecodeAsInPython() = network().use { checkDecodedModel(vectors(MODEL), it.spec.score, it.spec.sigma) }

    /** Points, not maps: the head's sum may be in another order. */
    @Test
    fun theNetworkFindsTheGoldenPoints() = network().use { network ->
        val golden = vectors(MODEL)
        val input = golden.getValue("input")
        val bytes = input.bytes.rewind() as ByteBuffer
        val maps = if (input.isBytes) network.run(ByteArray(bytes.remaining()).also { bytes.get(it) }) else network.run(input.floats())
        val points = decode(maps, network.spec.stride, network.spec.score).points
        val expected = golden.getValue("points").numbers()
        val seen = golden.getValue("scores").numbers()
        for (i in points.indices) {
            val off = abs(points[i] - expected[i])
            assertTrue("landmark ${i / 2} is $off pixels off", seen[i / 2] < 0.2 || off <= network.spec.stride)
        }
    }
}
