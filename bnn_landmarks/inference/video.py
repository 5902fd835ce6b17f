"""Following subjects through a video: the next frame's box comes from this frame's landmarks.

video = Video("clip.mp4")
track = Tracker(Localizer("pose"))
for frame in video:
    people = track(frame, video.seconds)
"""

from bnn_landmarks.inference.tracking import Follower, Tracker
from bnn_landmarks.inference.video_reader import DEFAULT_RATE, SUFFIXES, Video, is_address, shown
from bnn_landmarks.inference.video_writer import writer

__all__ = ["DEFAULT_RATE", "SUFFIXES", "Follower", "Tracker", "Video", "is_address", "shown", "writer"]
