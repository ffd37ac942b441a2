"""The processor of this machine, as LLVM sees it."""

import contextlib
import functools
from typing import Any

import llvmlite.binding as llvm


@functools.cache
def target_machine() -> Any:
    """Return what LLVM knows of this processor."""
    with contextlib.suppress(RuntimeError):  # newer versions need it no longer, and say so by an error
        llvm.initialize()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    name, features = processor()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=name, features=features, opt=3, reloc="pic", codemodel="jitdefault", jit=True
    )


@functools.cache
def processor() -> tuple[str, str]:
    """Return the name and the features by which LLVM knows it."""
    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
