import { instantiate } from "./engine.js";
const scope = self;
scope.onmessage = ({ data: { engine, memory, stack, context, thread } }) => {
    const exports = instantiate(engine, memory);
    exports.__stack_pointer.value = stack;
    scope.postMessage(true);
    exports.bnn_work(context, thread);
};
