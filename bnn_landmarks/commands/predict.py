"""`bnn-landmarks predict`: landmarks of photographs, videos or a camera, drawn and as JSON."""

import pathlib

import click

from bnn_landmarks.commands import THREADS, Number
from bnn_landmarks.inference.engines import ENGINES


@click.command()
@click.argument("photos", nargs=-1, metavar="[PHOTOS]...")
@click.option("--sample", is_flag=True, help="A photograph that comes with the package.")
@click.option(
    "--camera", metavar="N", help="Camera N, a device or an address, in a window, until q is pressed."
)
@click.option("--model", default="pose", show_default=True, help="An entry's name, a .tflite or a .npz file.")
@click.option(
    "--box", "boxes", multiple=True, metavar="X,Y,W,H", help="Where the subject is; may be repeated."
)
@click.option(
    "--boxes",
    "box_file",
    type=click.Path(path_type=pathlib.Path, dir_okay=False),
    metavar="FILE",
    help="Where the subjects are: COCO's results or annotations, or a .csv with file, x, y, width, height (score).",
)
@click.option("--category", help="The category whose boxes are taken, where --boxes FILE has several.")
@click.option(
    "--detector",
    default="auto",
    show_default=True,
    help="What finds the subjects without a box: auto, finder (the zoo's), opencv.",
)
@click.option(
    "--refine",
    type=click.IntRange(0),
    help="How often to look again where the box was not given: once without it, for the points of faces twice.",
)
@click.option(
    "--least-presence",
    type=Number(0, 1),
    metavar="P",
    help="How sure a subject must be (presence, 0 to 1) where nobody is detected for sure, or nothing detects.",
)
@click.option("--max-people", type=click.IntRange(1), metavar="N", help="Subjects at most, the surest.")
@click.option(
    "--fps",
    type=Number(0, min_open=True),
    metavar="F",
    help="Look at no more than F frames of a video per second.",
)
@click.option(
    "--every",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Look at every Nth frame of a video.",
)
@click.option(
    "--format",
    "formats",
    multiple=True,
    default=("json",),
    show_default=True,
    help="json, csv or coco (COCO's keypoint results); may be repeated.",
)
@click.option("--stamp", is_flag=True, help="Write the frames per second into the picture.")
@click.option("--engine", type=click.Choice(("auto", *ENGINES)), default="auto", show_default=True)
@click.option("--threads", type=THREADS, default=1, show_default=True, help="Threads of the engine.")
@click.option("--flip", is_flag=True, help="Average with the mirrored crop: a little better, twice the time.")
@click.option(
    "--threshold",
    type=Number(0, 1),
    default=0.2,
    show_default=True,
    help="Score below which a landmark is not drawn.",
)
@click.option(
    "--output",
    type=click.Path(path_type=pathlib.Path, file_okay=False),
    default="predictions",
    show_default=True,
    help="Directory to write to; made where there is something to write.",
)
def command(
    photos,
    sample,
    camera,
    model,
    boxes,
    box_file,
    category,
    detector,
    refine,
    least_presence,
    max_people,
    fps,
    every,
    formats,
    stamp,
    engine,
    threads,
    flip,
    threshold,
    output,
):
    """Find landmarks in PHOTOS: image files, video files, directories of them, addresses of streams (rtsp://...).

    For each photograph NAME, DIR/NAME.overlay.jpg is written (and NAME.mask.png, class indices, by a network of parts),
    for each video NAME.overlay.mp4; beside it what --format says, NAME.json by default; with --format csv alone
    NAME.csv and no .json. Without a box a detector looks for people or faces; where it finds none the whole image is
    used, and that is said.

    \b
    bnn-landmarks predict --sample
    bnn-landmarks predict photo.jpg --box 120,40,200,420 --output out
    bnn-landmarks predict holidays/ --model face_300wlp --output out
    bnn-landmarks predict race.mp4 --fps 10 --max-people 4 --format json --format csv --output out
    bnn-landmarks predict rtsp://192.168.1.20/live --output out     # until Ctrl-C
    """
    import sys
    import warnings

    from tqdm import tqdm

    from bnn_landmarks import files
    from bnn_landmarks.geometry import images
    from bnn_landmarks.inference import box_files, detect, predictions, results
    from bnn_landmarks.inference.localizer import Localizer
    from bnn_landmarks.terminal import quiet_libraries

    sources = predictions.sources(photos)
    if not (sources or sample) and camera is None:
        raise ValueError("nothing to look at: name a photograph, a video, a directory, or use --sample")
    boxes = [predictions.parse_box(box) for box in boxes] or None
    if boxes and len(sources) + sample > 1:
        raise ValueError("--box belongs to one photograph or video; there are several")
    if boxes and box_file:
        raise ValueError("give --box or --boxes, not both")
    if category is not None and not box_file:
        raise ValueError("--category chooses boxes of --boxes FILE, and there is none")
    files.check_directory(output)
    localizer = Localizer(model, engine, threads, flip, detector, refine, least_presence)
    if localizer.spec.task == "boxes":
        raise ValueError(
            f"--model {model} finds boxes, no landmarks: give a network of landmarks or parts (bnn-landmarks list); "
            "without --box it is what finds the subjects"
        )
    box_giver = "given by you"
    if sample:
        name = "person" if localizer.scheme.name in detect.PEOPLE_SCHEMES else "face"
        if not (boxes or sources):
            boxes, box_giver = images.SAMPLE_BOXES.get(name), "that comes with the sample"
        sources.append(images.sample(name))
    how = predictions.How(
        boxes=boxes,
        box_giver=box_giver,
        box_file=box_files.read(box_file, category) if box_file else None,
        threshold=threshold,
        formats=tuple(dict.fromkeys(formats)),
        stamp=stamp,
        rate=fps,
        every=every,
        most=max_people,
    )
    results.check_formats(how.formats, localizer.spec.task)
    print(f"{localizer.spec.name} on engine {localizer.engine.name}")
    if camera is not None:
        camera = int(camera) if camera.isdecimal() else camera
        predictions.show_camera(localizer, camera, how)
    failed = 0
    warnings.filterwarnings(
        "ignore", ".*(whole image|nobody found).*", UserWarning
    )  # said for each file below
    bar = tqdm(sources, unit="file", disable=len(sources) < 2)
    with files.made_if_filled(output), quiet_libraries(), bar:
        for source, name in zip(bar, predictions.distinct_names(sources), strict=True):
            try:
                told = predictions.predict_file(localizer, source, output / name, how)
            except (ValueError, OSError, ImportError) as error:
                failed += 1
                tqdm.write(f"bnn-landmarks: {error}", file=sys.stderr)
            else:
                tqdm.write(told)
    if failed:
        sys.exit(1)
