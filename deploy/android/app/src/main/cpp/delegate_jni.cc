// BinaryOps.create and BinaryOps.destroy: the delegate's plugin functions, called from Kotlin.
#include <jni.h>

#include <string>

struct TfLiteDelegate;

extern "C" {

TfLiteDelegate* tflite_plugin_create_delegate(char** keys, char** values, size_t count,
                                              void (*report_error)(const char*));
void tflite_plugin_destroy_delegate(TfLiteDelegate* delegate);

static thread_local std::string error;

JNIEXPORT jlong JNICALL Java_bnn_landmarks_BinaryOps_create(JNIEnv* env, jobject, jint threads) {
  std::string key = "num_threads", value = std::to_string(threads);
  char *keys[] = {key.data()}, *values[] = {value.data()};
  error = "the delegate can't be made";
  TfLiteDelegate* delegate =
      tflite_plugin_create_delegate(keys, values, 1, [](const char* message) { error = message; });
  if (delegate == nullptr) env->ThrowNew(env->FindClass("java/lang/IllegalStateException"), error.c_str());
  return reinterpret_cast<jlong>(delegate);
}

JNIEXPORT void JNICALL Java_bnn_landmarks_BinaryOps_destroy(JNIEnv*, jobject, jlong delegate) {
  tflite_plugin_destroy_delegate(reinterpret_cast<TfLiteDelegate*>(delegate));
}

}  // extern "C"
