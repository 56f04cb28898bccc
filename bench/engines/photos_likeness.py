"""Likeness from files to pooled features, by its public functions: a reader and a session a thread, over one plan."""

from __future__ import annotations

import ctypes
import zlib

import numpy as np

from engines import photos_opencv
from engines.case import Case
from engines.likeness import Library, Preprocessing


class Lane:
    def __init__(self, library: Library, case: Case, model: ctypes.c_void_p, plan: ctypes.c_void_p) -> None:
        lk = self.lk = library.lk
        self.library = library
        self.how = Preprocessing.from_buffer_copy(lk.lk_model_preprocessing(model).contents)
        self.how.height, self.how.width = case.height, case.width
        self.session = library.session(plan)
        self.reader = library.open("lk_picture_reader_open", ctypes.byref(self.how))
        self.input = lk.lk_session_pixels(self.session, 0)
        self.length = lk.lk_session_feature_length(self.session, 0)

    def __call__(self, file: str) -> np.ndarray:
        lk, check, row = self.lk, self.library.check, np.empty(self.length, np.float32)
        check(lk.lk_picture_reader_read(self.reader, file.encode(), self.input))
        check(lk.lk_session_run(self.session, 1))
        check(lk.lk_session_feature(self.session, 0, 0, row.ctypes.data))
        return row

    def pixels(self, file: str) -> bytes:
        self.library.check(self.lk.lk_picture_reader_read(self.reader, file.encode(), self.input))
        return ctypes.string_at(self.input, self.how.height * self.how.width * 3)


class Engine:
    note = ""

    def __init__(self, case: Case) -> None:
        library = Library(case.library)
        self.version = library.version
        model, plan = library.plan(case, of_pixels=True)
        self.lanes = [Lane(library, case, model, plan) for _ in range(case.threads)]
        self.threads = photos_opencv.Threads(self.lanes)

    def extract(self, files: list[str]) -> np.ndarray:
        return self.threads.extract(files)

    def look(self, files: list[str]) -> dict:
        pixels = [zlib.crc32(self.lanes[0].pixels(file)) for file in files]
        return {"rows": self.extract(files).astype(np.float64).tolist(), "pixels": pixels}
