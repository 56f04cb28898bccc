"""Likeness, through its shared library."""

from __future__ import annotations

import ctypes

import numpy as np

from engines import header
from engines.case import PRECISIONS, Case, LeftOutError, only


class PlanOptions(ctypes.Structure):
    """lk_plan_options of engine/likeness.h."""

    _fields_ = (
        ("backend", ctypes.c_int),
        ("isa", ctypes.c_char_p),
        ("batch_norm", ctypes.c_int),
        ("height", ctypes.c_size_t),
        ("width", ctypes.c_size_t),
        ("batch", ctypes.c_size_t),
        ("plain", ctypes.c_bool),
        ("features", ctypes.POINTER(ctypes.c_char_p)),
        ("feature_count", ctypes.c_size_t),
        ("precision", ctypes.c_int),
        ("pixels", ctypes.c_void_p),
        ("device", ctypes.c_size_t),
        ("tf32", ctypes.c_bool),
    )


class Preprocessing(ctypes.Structure):
    """lk_preprocessing of engine/likeness.h."""

    _fields_ = (
        ("height", ctypes.c_size_t),
        ("width", ctypes.c_size_t),
        ("resize", ctypes.c_int),
        ("shorter", ctypes.c_size_t),
        ("mean", ctypes.c_float * 3),
        ("std", ctypes.c_float * 3),
        ("fast_decode", ctypes.c_bool),
    )


class Library:
    def __init__(self, path: str) -> None:
        lk = self.lk = ctypes.CDLL(path)
        lk.lk_error_message.restype = lk.lk_version.restype = ctypes.c_char_p
        lk.lk_session_input.restype = ctypes.c_void_p
        lk.lk_session_input.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
        lk.lk_session_pixels.restype = ctypes.c_void_p
        lk.lk_session_pixels.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
        lk.lk_session_run.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
        lk.lk_session_feature.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_void_p)
        lk.lk_session_feature_length.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
        lk.lk_session_feature_length.restype = ctypes.c_size_t
        lk.lk_pool_open.argtypes = (ctypes.c_size_t, ctypes.c_void_p)
        lk.lk_model_preprocessing.restype = ctypes.POINTER(Preprocessing)
        lk.lk_picture_reader_open.argtypes = (ctypes.POINTER(Preprocessing), ctypes.c_void_p)
        lk.lk_picture_reader_read.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
        lk.lk_image_pixels.restype = ctypes.c_void_p
        self.version = lk.lk_version().decode()

    def check(self, status: int) -> None:
        if status:
            raise LeftOutError(self.lk.lk_error_message().decode())

    def open(self, function: str, *arguments: object) -> ctypes.c_void_p:
        """What lk_THING_open makes. Nothing is closed: a worker's things live as long as it does."""
        thing = ctypes.c_void_p()
        self.check(getattr(self.lk, function)(*arguments, ctypes.byref(thing)))
        return thing

    def plan(self, case: Case, *, of_pixels: bool = False) -> tuple[ctypes.c_void_p, ctypes.c_void_p]:
        """A model and a plan for a case, whose input is floats, or bytes that it normalizes itself."""
        only(case, *PRECISIONS)
        if case.precision not in ("f32", "model") and not header.HAS_PRECISION:
            raise LeftOutError(f"this version has no {case.precision}")
        if case.backend not in header.BACKENDS:
            raise LeftOutError(f"this version has no backend '{case.backend}'")
        options = PlanOptions(
            backend=header.BACKENDS[case.backend],
            isa=case.isa.encode() or None,
            height=case.height,
            width=case.width,
            batch=case.batch,
            features=(ctypes.c_char_p * 1)(case.feature.encode()),
            feature_count=1,
            precision=PRECISIONS[case.precision],
        )
        file = case.int8_model if case.precision == "int8" and case.int8_model else case.model
        model = self.open("lk_model_open", file.encode())
        if of_pixels:
            options.pixels = ctypes.cast(self.lk.lk_model_preprocessing(model), ctypes.c_void_p)
        return model, self.open("lk_plan_open", model, ctypes.byref(options))

    def session(self, plan: ctypes.c_void_p, pool: ctypes.c_void_p | None = None) -> ctypes.c_void_p:
        return self.open("lk_session_share", plan, pool)


class Engine:
    note = ""

    def __init__(self, case: Case) -> None:
        self.library, self.batch = Library(case.library), case.batch
        self.version = self.library.version
        pool = self.library.open("lk_pool_open", case.threads) if case.threads > 1 else None
        _, plan = self.library.plan(case)
        self.session = self.library.session(plan, pool)
        lk = self.library.lk
        self.inputs = [lk.lk_session_input(self.session, i) for i in range(case.batch)]
        self.values = np.empty((case.batch, lk.lk_session_feature_length(self.session, 0)), np.float32)
        self.rows = [row.ctypes.data for row in self.values]

    def fill(self, pictures: np.ndarray) -> None:
        for to, picture in zip(self.inputs, np.ascontiguousarray(pictures), strict=True):
            ctypes.memmove(to, picture.ctypes.data, picture.nbytes)

    def run(self) -> None:
        lk, session = self.library.lk, self.session
        self.library.check(lk.lk_session_run(session, self.batch))
        for i, row in enumerate(self.rows):
            self.library.check(lk.lk_session_feature(session, 0, i, row))

    def output(self) -> np.ndarray:
        return self.values
