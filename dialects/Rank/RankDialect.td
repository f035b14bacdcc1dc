//===- RankDialect.td - What the ranks of a stage do -------*- tablegen -*-===//
#ifndef COLOSSAL_RANK_DIALECT
#define COLOSSAL_RANK_DIALECT

include "mlir/IR/OpBase.td"
include "mlir/IR/DialectBase.td"

def Rank_Dialect : Dialect {
  let name = "rank";
  let cppNamespace = "::colossal::rank";
  let summary = "Rank programs, and where a partitioned program lies in them";
  let description = [{
    Schedule adds a `rank.program` for each stage to a partitioned module, and says on ops and
    arguments which group computes them and where they lie; Lower fills the program and takes the
    functions away, and adds the module of their kernels, @kernels.

    On ops of functions, on their arguments and on the module; a diagnostic begins with the label:
    - R1 `rank.groups` of an op has the numbers of its groups (kernels, library calls, collectives)
      in their function: in the order in which they run, from 0 on. A function of indices may be in several
    - R2 `rank.places` of an op has a buffer and an offset in bytes for each result: `3, 0`, or
      `-1, 0` for one that lives inside of a kernel
    - R3 `rank.place` of an argument has its buffer and offset
    - R4 other attributes with this prefix are unknown
    - R5 `rank.token` of a collective says that it is started there only, and the number, above 0,
      under which it is waited for
    - R6 `rank.waits` of an op has the tokens that are waited for before its group runs; of the
      function's end, before the segment ends
    - R7 `rank.device` of a module has the kind of device that the module is scheduled for: `"cpu"`
  }];
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
}

class Rank_Op<string opMnemonic, list<Trait> traits = []>
    : Op<Rank_Dialect, opMnemonic, traits>;

def Rank_ProgramOp : Rank_Op<"program", [NoTerminator, SingleBlock, NoRegionArguments]> {
  let summary = "the program of the ranks of one stage";
  let description = [{
    The fields of a rank program (include/colossal/Run/RankProgram.h), under their names: those
    that are no lists as attributes, the elements of the lists as entries. An entry "ops" belongs
    to the entry "segments" above it.

        rank.program attributes {stage = 0, stages = 1, microbatches = 2, arenaBytes = 4096} {
          rank.entry "buffers" {id = 0, name = "fc.weight", bytes = 256}
          rank.entry "segments" {name = "forward"}
          rank.entry "ops" {kind = "kernel", symbol = "k<hash>_relu", range = 64}
        }
  }];
  let regions = (region SizedRegion<1>:$entries);
  let assemblyFormat = "attr-dict-with-keyword $entries";
}

def Rank_EntryOp : Rank_Op<"entry", [HasParent<"ProgramOp">]> {
  let summary = "an element of a list of a rank program";
  let arguments = (ins StrAttr:$list);
  let assemblyFormat = "$list attr-dict";
}

#endif // COLOSSAL_RANK_DIALECT
