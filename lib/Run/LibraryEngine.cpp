//===- LibraryEngine.cpp - oneDNN as the runtime uses it ------------------===//

#include "colossal/Run/LibraryEngine.h"

#include "RunError.h"
#include "colossal/Support/CpuGeneration.h"

namespace colossal::rank {

const dnnl::engine &libraryEngine() {
  static const dnnl::engine engine = [] {
    switch (cpuGeneration()) {
    case CpuGeneration::Avx512:
      break;
    case CpuGeneration::Avx2:
      if (isCpuLimited())
        dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2);
      break;
    case CpuGeneration::Baseline:
      if (isCpuLimited())
        dnnl_set_max_cpu_isa(dnnl_cpu_isa_sse41);
      break;
    }
    return dnnl::engine(dnnl::engine::kind::cpu, 0);
  }();
  return engine;
}

const dnnl::stream &libraryStream() {
  static thread_local const dnnl::stream stream(libraryEngine());
  return stream;
}

void runPrimitive(const dnnl::primitive &primitive, const int *arguments,
                  const dnnl::memory *memories, void *const *data, int count,
                  const char *what) {
  constexpr int most = 4;
  dnnl_exec_arg_t list[most];
  dnnl_status_t status = count <= most ? dnnl_success : dnnl_invalid_arguments;
  for (int i = 0; i < count && status == dnnl_success; ++i) {
    status = dnnl_memory_set_data_handle_v2(memories[i].get(), data[i],
                                            libraryStream().get());
    list[i] = {arguments[i], memories[i].get()};
  }
  if (status == dnnl_success)
    status = dnnl_primitive_execute(primitive.get(), libraryStream().get(),
                                    count, list);
  if (status != dnnl_success)
    throw RunError("oneDNN failed with status " + std::to_string(status) +
                   " in " + what);
}

} // namespace colossal::rank
