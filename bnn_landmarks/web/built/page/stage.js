import { draw } from "../lib/index.js";
const MOST_ENLARGED = 6;
const LEAST_DRAG = 6;
export class Stage {
    stage;
    canvas;
    outline;
    drawn;
    canDraw = true;
    shown = null;
    box = null;
    begun = null;
    constructor(stage, canvas, outline, drawn) {
        this.stage = stage;
        this.canvas = canvas;
        this.outline = outline;
        this.drawn = drawn;
        new ResizeObserver(() => this.paint()).observe(stage);
        canvas.addEventListener("pointerdown", (event) => this.press(event));
        canvas.addEventListener("pointermove", (event) => this.drag(event));
        canvas.addEventListener("pointerup", (event) => this.release(event));
        canvas.addEventListener("pointercancel", () => this.cancel());
        addEventListener("keydown", (event) => {
            if (event.key === "Escape" && this.box)
                this.drawn(null);
        });
    }
    show(shown) {
        if (this.shown && this.shown.picture !== shown.picture)
            this.shown.picture.close();
        this.shown = shown;
        this.stage.style.setProperty("--aspect", `${shown.picture.width} / ${shown.picture.height}`);
        this.paint();
    }
    setBox(box) {
        this.box = box;
        this.paintBox();
    }
    get scale() {
        const { width, height } = this.shown.picture;
        const { clientWidth, clientHeight } = this.stage;
        return Math.min(clientWidth / width, clientHeight / height, MOST_ENLARGED);
    }
    paint() {
        if (!this.shown)
            return;
        const { picture, subjects, scheme, mirrored } = this.shown;
        const { canvas, scale } = this;
        const [width, height] = [picture.width * scale, picture.height * scale].map(Math.round);
        const dense = Math.min(devicePixelRatio, 2);
        const [across, down] = [width * dense, height * dense].map(Math.round);
        if (canvas.width !== across || canvas.height !== down)
            Object.assign(canvas, { width: across, height: down });
        canvas.style.width = `${width}px`;
        canvas.style.height = `${height}px`;
        canvas.classList.toggle("mirrored", mirrored);
        const context = canvas.getContext("2d");
        context.imageSmoothingQuality = "high";
        context.drawImage(picture, 0, 0, across, down);
        if (scheme)
            draw(context, subjects, scheme, { scale: across / picture.width });
        this.paintBox();
    }
    paintBox() {
        this.outline.hidden = !this.box || !this.shown;
        if (!this.box || !this.shown)
            return;
        const { scale } = this;
        const [x, y, width, height] = this.box;
        const place = { left: x + 0.5, top: y + 0.5, width, height };
        for (const [key, value] of Object.entries(place)) {
            this.outline.style.setProperty(key, `${value * scale}px`);
        }
    }
    at({ offsetX, offsetY }) {
        const { width, height } = this.shown.picture;
        const within = (v, size) => Math.min(Math.max(v / this.scale - 0.5, -0.5), size - 0.5);
        return [within(offsetX, width), within(offsetY, height)];
    }
    between([x0, y0], [x1, y1]) {
        return [Math.min(x0, x1), Math.min(y0, y1), Math.abs(x1 - x0), Math.abs(y1 - y0)];
    }
    press(event) {
        if (!this.canDraw || !this.shown || event.button !== 0)
            return;
        this.canvas.setPointerCapture(event.pointerId);
        this.begun = this.at(event);
    }
    drag(event) {
        if (this.begun)
            this.setBox(this.between(this.begun, this.at(event)));
    }
    release(event) {
        if (!this.begun)
            return;
        const box = this.between(this.begun, this.at(event));
        this.begun = null;
        const large = Math.min(box[2], box[3]) * this.scale >= LEAST_DRAG;
        this.drawn(large ? box : null);
    }
    cancel() {
        this.begun = null;
        this.setBox(null);
    }
}
