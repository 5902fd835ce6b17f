package bnn.landmarks;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;

/** What Engine.kt declares. */
class Engine {
    static native long open(byte[] model, int threads);

    static native void close(long handle);

    static native int outputSize(long handle);

    static native void runBytes(long handle, byte[] image, float[] maps);

    static native void runFloats(long handle, float[] image, float[] maps);
}

/** MODEL PIXELS OUTPUT: the maps of an image of bytes, then those of it in floats; what wrong calls throw, on stdout. */
public class EngineCheck {
    public static void main(String[] paths) throws Exception {
        System.loadLibrary("bnn_landmarks_jni");
        byte[] model = Files.readAllBytes(Path.of(paths[0])), pixels = Files.readAllBytes(Path.of(paths[1]));
        float[] floats = new float[pixels.length];
        for (int i = 0; i < floats.length; ++i) floats[i] = (pixels[i] & 255) / 255f;
        long handle = Engine.open(model, 2);
        float[] maps = new float[Engine.outputSize(handle)];
        ByteBuffer written = ByteBuffer.allocate(8 * maps.length).order(ByteOrder.nativeOrder());
        FloatBuffer output = written.asFloatBuffer();
        Engine.runBytes(handle, pixels, maps);
        output.put(maps);
        Engine.runFloats(handle, floats, maps);
        output.put(maps);
        Files.write(Path.of(paths[2]), written.array());
        refused(() -> Engine.runBytes(handle, new byte[3], maps));
        refused(() -> Engine.runFloats(handle, floats, new float[3]));
        Engine.close(handle);
        refused(() -> Engine.open(new byte[100], 2));
        refused(() -> Engine.open(model, 0));
        refused(() -> Engine.runBytes(0, pixels, maps));
    }

    private static void refused(Runnable call) {
        try {
            call.run();
            System.out.println("ran");
        } catch (IllegalArgumentException | IllegalStateException error) {
            System.out.println(error.getMessage());
        }
    }
}
