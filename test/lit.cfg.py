# lit configuration: every test under test/ that is not a GoogleTest (those live in test/Unit).
#
# Substitutions: %python (the interpreter of .venv), %cmake, %cxx, %mlir_dir and %build (as the build was
# configured), %mpirun (with the flags that tests need: root is
# allowed, more ranks than cores, waiting ranks yield), %examples, %inputs (the checked-in archives of
# test/Import/Inputs), %cases (where the tests of Execution share what PyTorch answered).
# Features: one per tool that is built (colossal-opt, colossal-translate, ...), `torch` when .venv has
# PyTorch. A test that needs one says `// REQUIRES: colossal-compile`.
import os

import lit.formats

config.name = "Colossal"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "Unit", "CMakeLists.txt", "lit.cfg.py", "lit.site.cfg.py"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.colossal_build, "test")

bin = os.path.join(config.colossal_build, "bin")
config.environment["PATH"] = os.pathsep.join([bin, config.llvm_tools, os.environ.get("PATH", "")])
for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "LD_LIBRARY_PATH", "CCACHE_DIR", "COLOSSAL_MAX_CPU"):
    if name in os.environ:
        config.environment[name] = os.environ[name]
config.environment["PYTHONPATH"] = os.pathsep.join(
    [os.path.join(config.colossal_source, "test", "Python"),
     os.path.join(config.colossal_source, "examples")])
config.environment["OMPI_ALLOW_RUN_AS_ROOT"] = "1"
config.environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"
config.environment["OMPI_MCA_rmaps_base_oversubscribe"] = "1"
config.environment["OMPI_MCA_mpi_yield_when_idle"] = "1"
# What Open MPI takes by itself where there is one node; not to look for others saves a fifth of a short run.
config.environment["OMPI_MCA_pml"] = "ob1"
config.environment["OMP_NUM_THREADS"] = "1"
# Tests share kernels: most occur under several plans and precisions. A relinked compiler uses none that another made.
config.environment["COLOSSAL_KERNEL_CACHE"] = os.path.join(config.colossal_build, "test", "kernels")

config.substitutions += [
    ("%python", config.python),
    ("%cmake", config.cmake),
    ("%cxx", config.cxx),
    ("%mlir_dir", config.mlir_dir),
    ("%build", config.colossal_build),
    ("%mpirun", "mpirun --allow-run-as-root --oversubscribe --mca mpi_yield_when_idle 1"),
    ("%examples", os.path.join(config.colossal_source, "examples")),
    ("%cases", os.path.join(config.colossal_build, "test", "Execution", "work")),
    ("%inputs", os.path.join(config.colossal_source, "test", "Import", "Inputs")),
]

for tool in ("translate", "opt", "compile", "verify", "run", "calibrate", "reduce", "lsp-server"):
    if os.path.exists(os.path.join(bin, "colossal-" + tool)):
        config.available_features.add("colossal-" + tool)
if config.has_torch:
    config.available_features.add("torch")
