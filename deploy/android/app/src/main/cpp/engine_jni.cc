// Engine.kt's native methods: bnn_engine.h, called from Java.
#include <jni.h>

#include <memory>

#include "bnn_engine.h"

namespace {

struct Handle {
  bnn_model* model = nullptr;
  bnn_context* context = nullptr;
  bnn_tensor input = {}, output = {};
  ~Handle() {
    bnn_context_free(context);
    bnn_close(model);
  }
  jsize Values(const bnn_tensor& tensor) const {
    return static_cast<jsize>(tensor.bytes / (tensor.type == BNN_UINT8 ? 1 : 4));
  }
};

Handle* Of(jlong handle) { return reinterpret_cast<Handle*>(handle); }

void Throw(JNIEnv* env, const char* type, const char* message) { env->ThrowNew(env->FindClass(type), message); }

// Runs `call` on the arrays' own memory, which the collector leaves where it is meanwhile.
template <typename Array, typename Call>
void Run(JNIEnv* env, jlong handle, Array image, jfloatArray maps, Call call) {
  const Handle* engine = Of(handle);
  if (engine == nullptr) return Throw(env, "java/lang/IllegalStateException", "the engine is closed");
  if (env->GetArrayLength(image) != engine->Values(engine->input) ||
      env->GetArrayLength(maps) != engine->Values(engine->output)) {
    return Throw(env, "java/lang/IllegalArgumentException", "an array has not the network's size");
  }
  void* in = env->GetPrimitiveArrayCritical(image, nullptr);
  void* out = in == nullptr ? nullptr : env->GetPrimitiveArrayCritical(maps, nullptr);
  const bool ran = out != nullptr && call(engine->context, in, static_cast<float*>(out)) == 0;
  if (out != nullptr) env->ReleasePrimitiveArrayCritical(maps, out, 0);
  if (in != nullptr) env->ReleasePrimitiveArrayCritical(image, in, JNI_ABORT);
  if (!ran && !env->ExceptionCheck()) Throw(env, "java/lang/IllegalStateException", bnn_error());
}

}  // namespace

extern "C" {

JNIEXPORT jlong JNICALL Java_bnn_landmarks_Engine_open(JNIEnv* env, jclass, jbyteArray model, jint threads) {
  auto engine = std::make_unique<Handle>();
  jbyte* bytes = env->GetByteArrayElements(model, nullptr);
  if (bytes == nullptr) return 0;
  engine->model = bnn_open(bytes, static_cast<size_t>(env->GetArrayLength(model)));
  env->ReleaseByteArrayElements(model, bytes, JNI_ABORT);
  if (engine->model != nullptr) engine->context = bnn_context_new(engine->model, threads);
  if (engine->context == nullptr || bnn_input(engine->model, 0, &engine->input) != 0 ||
      bnn_output(engine->model, 0, &engine->output) != 0) {
    Throw(env, "java/lang/IllegalArgumentException", bnn_error());
    return 0;
  }
  return reinterpret_cast<jlong>(engine.release());
}

JNIEXPORT void JNICALL Java_bnn_landmarks_Engine_close(JNIEnv*, jclass, jlong handle) { delete Of(handle); }

JNIEXPORT jint JNICALL Java_bnn_landmarks_Engine_outputSize(JNIEnv*, jclass, jlong handle) {
  return Of(handle)->Values(Of(handle)->output);
}

JNIEXPORT void JNICALL Java_bnn_landmarks_Engine_runBytes(JNIEnv* env, jclass, jlong handle, jbyteArray image,
                                                          jfloatArray maps) {
  Run(env, handle, image, maps, [](bnn_context* context, const void* in, float* out) {
    return bnn_run_uint8(context, static_cast<const uint8_t*>(in), out);
  });
}

JNIEXPORT void JNICALL Java_bnn_landmarks_Engine_runFloats(JNIEnv* env, jclass, jlong handle, jfloatArray image,
                                                           jfloatArray maps) {
  Run(env, handle, image, maps, [](bnn_context* context, const void* in, float* out) {
    return bnn_run_float(context, static_cast<const float*>(in), out);
  });
}

}  // extern "C"
