/** The camera, and frames of a video one after the other. */

const SIZE = { width: { ideal: 640 }, height: { ideal: 480 } };

/** Why there is no picture of a camera, in words for who looks at the page. */
export function cameraTrouble(error: unknown): string {
  switch ((error as Error).name) {
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
      return `The camera can’t be used: ${(error as Error).message}`;
  }
}

/** Starts a camera; `turn` asks for the next one after that in use. */
export async function openCamera(video: HTMLVideoElement, turn: boolean): Promise<void> {
  if (!navigator.mediaDevices?.getUserMedia) throw new Error("browsers give it to pages of https and localhost only");
  const before = deviceOf(video);
  closeCamera(video);
  const cameras = await listCameras();
  const next = turn ? cameras[(cameras.findIndex((each) => each.deviceId === before) + 1) % cameras.length] : null;
  const which = next ? { deviceId: { exact: next.deviceId } } : { facingMode: "user" };
  video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { ...SIZE, ...which }, audio: false });
  await video.play();
}

export function closeCamera(video: HTMLVideoElement): void {
  for (const track of streamOf(video)?.getTracks() ?? []) track.stop();
  video.srcObject = null;
}

export async function listCameras(): Promise<MediaDeviceInfo[]> {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices.filter(({ kind }) => kind === "videoinput");
}

/** Whether the camera looks away from who holds it. Those of desks, which do not say, look at them. */
export function looksAway(video: HTMLVideoElement): boolean {
  return streamOf(video)?.getVideoTracks()[0]?.getSettings().facingMode === "environment";
}

function streamOf(video: HTMLVideoElement): MediaStream | null {
  return video.srcObject as MediaStream | null;
}

function deviceOf(video: HTMLVideoElement): string | undefined {
  return streamOf(video)?.getVideoTracks()[0]?.getSettings().deviceId;
}

/** Waits for frames that were not taken yet. */
export class Frames {
  private fresh = false;
  private wake: (() => void) | null = null;

  constructor(private readonly video: HTMLVideoElement) {
    this.listen();
  }

  async next(): Promise<void> {
    if (!this.fresh) await new Promise<void>((resolve) => (this.wake = resolve));
    this.fresh = false;
  }

  private listen(): void {
    const came = () => {
      this.fresh = true;
      this.wake?.();
      this.wake = null;
      this.listen();
    };
    if ("requestVideoFrameCallback" in this.video) this.video.requestVideoFrameCallback(came);
    else requestAnimationFrame(came);
  }
}
