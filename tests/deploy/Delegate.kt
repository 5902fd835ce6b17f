package org.tensorflow.lite

import java.io.Closeable

/** LiteRT's interface, which is not on the JVM here; BinaryOps implements it. */
interface Delegate : Closeable {
    fun getNativeHandle(): Long
}
