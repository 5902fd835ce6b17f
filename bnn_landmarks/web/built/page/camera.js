const SIZE = { width: { ideal: 640 }, height: { ideal: 480 } };
export function cameraTrouble(error) {
    switch (error.name) {
        case "NotAllowedError":
        case "SecurityError":
            return "The camera was refused. Allow it beside the page’s address, then try again.";
        case "NotFoundError":
        case "OverconstrainedError":
            return "There is no camera here. Choose a picture instead.";
        case "NotReadableError":
        case "AbortError":
            return "The camera does not answer: another program may be using it.";
        default:
            return `The camera can’t be used: ${error.message}`;
    }
}
export async function openCamera(video, turn) {
    if (!navigator.mediaDevices?.getUserMedia)
        throw new Error("browsers give it to pages of https and localhost only");
    const before = deviceOf(video);
    closeCamera(video);
    const cameras = await listCameras();
    const next = turn ? cameras[(cameras.findIndex((each) => each.deviceId === before) + 1) % cameras.length] : null;
    const which = next ? { deviceId: { exact: next.deviceId } } : { facingMode: "user" };
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { ...SIZE, ...which }, audio: false });
    await video.play();
}
export function closeCamera(video) {
    for (const track of streamOf(video)?.getTracks() ?? [])
        track.stop();
    video.srcObject = null;
}
export async function listCameras() {
    const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    return devices.filter(({ kind }) => kind === "videoinput");
}
export function looksAway(video) {
    return streamOf(video)?.getVideoTracks()[0]?.getSettings().facingMode === "environment";
}
function streamOf(video) {
    return video.srcObject;
}
function deviceOf(video) {
    return streamOf(video)?.getVideoTracks()[0]?.getSettings().deviceId;
}
export class Frames {
    video;
    fresh = false;
    wake = null;
    constructor(video) {
        this.video = video;
        this.listen();
    }
    async next() {
        if (!this.fresh)
            await new Promise((resolve) => (this.wake = resolve));
        this.fresh = false;
    }
    listen() {
        const came = () => {
            this.fresh = true;
            this.wake?.();
            this.wake = null;
            this.listen();
        };
        if ("requestVideoFrameCallback" in this.video)
            this.video.requestVideoFrameCallback(came);
        else
            requestAnimationFrame(came);
    }
}
