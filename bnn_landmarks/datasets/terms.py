"""Under which terms the data sets are: the one table behind builders, model cards and `zoo.card`.

TERMS["mpii"].terms            # "annotations under the Simplified BSD licence, images frames of ..."
of("mpii")                     # the same behind what the set is; of a set that is not here, that nothing is stated
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Source:
    """what: the data set and its authors. terms: under which it may be used, as its authors state them."""

    what: str
    terms: str


_FLICKR = "no licence stated, photographs of Flickr users: research, non-commercial"
_300W = "research, non-commercial; the images keep their own rights"
_CELEBAMASK = Source("CelebAMask-HQ (Lee et al. 2020)", "research and education, non-commercial")

# By the name of the folder or of the builder.
TERMS = {
    "mpii": Source(
        "MPII Human Pose (Andriluka et al. 2014)",
        "annotations under the Simplified BSD licence, images frames of YouTube videos: research, non-commercial",
    ),
    "lspet": Source("Leeds Sports Pose, extended (Johnson & Everingham 2011)", _FLICKR),
    "lsp": Source("Leeds Sports Pose (Johnson & Everingham 2010)", _FLICKR),
    "helen_afw": Source(
        "HELEN (Le et al. 2012) and AFW (Zhu & Ramanan 2012), 300-W annotation (Sagonas et al. 2013)", _300W
    ),
    "faces_300w": Source("300-W (Sagonas et al. 2013)", _300W),
    "faces_300w_lp": Source(
        "300W-LP (Zhu et al. 2016)", "no licence stated, made from 300-W: research, non-commercial"
    ),
    "aflw": Source(
        "AFLW (Koestinger et al. 2011)", "on request from TU Graz, by agreement: research, non-commercial"
    ),
    "aflw_pifa": Source(
        "AFLW-PIFA (Jourabloo & Liu 2015)",
        "Michigan State University's, images of AFLW and under its agreement: research, non-commercial",
    ),
    "aflw2000": Source(
        "AFLW2000-3D (Zhu et al. 2016)", "no licence stated, images of AFLW: research, non-commercial"
    ),
    "youtube_faces": Source(
        "YouTube Faces (Wolf et al. 2011), points from a strong network", "research, non-commercial"
    ),
    "people": Source(
        "Clothing Co-Parsing (Yang et al. 2014) and Flickr8k (Hodosh et al. 2013), points from MoveNet Thunder "
        "(Apache-2.0)",
        "research, non-commercial",
    ),
    "celebamask": _CELEBAMASK,
    "celebamask_hq": _CELEBAMASK,
    "coco_keypoints": Source("a COCO-keypoints folder", "yours"),
}
# How a split is named whose labels `data clean` wrote.
CLEAN = "_clean"
CLEANED = "labels merged with MoveNet Thunder's points, Apache-2.0, by `bnn-landmarks data clean`"
NOT_STATED = "not stated: a data set of the user's own"


def of(name, split=None):
    """What the data set of that name is and its terms, one line; of a split that ends with `CLEAN` also whose its
    labels are."""
    if name not in TERMS:
        return NOT_STATED
    cleaned = f" ({CLEANED})" if split and split.endswith(CLEAN) else ""
    return f"{TERMS[name].what}{cleaned}: {TERMS[name].terms}"
