package bnn.landmarks

import android.Manifest
import android.content.pm.PackageManager
import android.os.Bundle
import androidx.activity.ComponentActivity
import androidx.activity.result.contract.ActivityResultContracts
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.camera.lifecycle.ProcessCameraProvider
import java.io.IOException
import java.util.concurrent.Executors

private const val MODEL = "pose"
private const val THREADS = 2

class MainActivity : ComponentActivity() {
    private val worker = Executors.newSingleThreadExecutor()
    private lateinit var view: LandmarkView
    private var network: Network? = null

    private val ask = registerForActivityResult(ActivityResultContracts.RequestPermission()) { granted ->
        if (granted) start() else view.say("Landmarks need the camera: allow it in the settings.")
    }

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        view = LandmarkView(this)
        setContentView(view)
        val granted = checkSelfPermission(Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED
        if (granted) start() else ask.launch(Manifest.permission.CAMERA)
    }

    private fun start() = worker.execute {
        try {
            val opened = Network(assets, MODEL, THREADS)
            network = opened
            runOnUiThread { openCamera(opened) }
        } catch (error: IOException) {
            runOnUiThread { view.say("$MODEL.tflite and $MODEL.json belong into app/src/main/assets.") }
        } catch (error: RuntimeException) {
            runOnUiThread { view.say(error.message ?: error.toString()) }
        }
    }

    private fun openCamera(network: Network) {
        view.edges = network.spec.edges
        val provider = ProcessCameraProvider.getInstance(this)
        provider.addListener({
            if (isDestroyed) return@addListener
            val frames = ImageAnalysis.Builder()
                .setOutputImageFormat(ImageAnalysis.OUTPUT_IMAGE_FORMAT_RGBA_8888)
                .setOutputImageRotationEnabled(true)
                .build()
            frames.setAnalyzer(worker, LandmarkAnalyzer(network) { found -> runOnUiThread { view.show(found) } })
            provider.get().bindToLifecycle(this, CameraSelector.DEFAULT_BACK_CAMERA, frames)
        }, mainExecutor)
    }

    override fun onDestroy() {
        super.onDestroy()
        worker.execute { network?.close() }
        worker.shutdown()
    }
}
