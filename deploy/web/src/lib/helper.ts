/** A worker that is one more thread of a network: it works on the memory of the engine that started it until it is ended. */

import { type Help, instantiate } from "./engine.js";

const scope = self as unknown as { onmessage: (event: { data: Help }) => void; postMessage(come: true): void };

scope.onmessage = ({ data: { engine, memory, stack, context, thread } }) => {
  const exports = instantiate(engine, memory);
  exports.__stack_pointer!.value = stack;
  scope.postMessage(true);
  exports.bnn_work!(context, thread);
};
