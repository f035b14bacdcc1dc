//===- MatrixProduct.cpp - One oneDNN matrix product ----------------------===//

#include "MatrixProduct.h"

#include <oneapi/dnnl/dnnl.h>

#include <initializer_list>

using namespace colossal::machine;

struct MatrixProduct::Handles {
  dnnl_engine_t engine = nullptr;
  dnnl_stream_t stream = nullptr;
  dnnl_primitive_desc_t descriptor = nullptr;
  dnnl_primitive_t primitive = nullptr;
  dnnl_memory_t a = nullptr, b = nullptr, c = nullptr;
  bool valid = false;

  bool create(const Sizes &sizes) {
    auto matrix = [](dnnl_memory_desc_t &type, int64_t rows, int64_t columns,
                     bool transposed) {
      dnnl_dims_t extents = {rows, columns};
      dnnl_dims_t strides = {transposed ? 1 : columns, transposed ? rows : 1};
      return dnnl_memory_desc_init_by_strides(&type, 2, extents, dnnl_f32,
                                              strides) == dnnl_success;
    };
    dnnl_memory_desc_t typeA, typeB, typeC;
    dnnl_matmul_desc_t operation;
    auto memory = [&](dnnl_memory_t &handle, const dnnl_memory_desc_t &type) {
      return dnnl_memory_create(&handle, &type, engine, DNNL_MEMORY_NONE) ==
             dnnl_success;
    };
    return matrix(typeA, sizes.m, sizes.k, sizes.transposedA) &&
           matrix(typeB, sizes.k, sizes.n, sizes.transposedB) &&
           matrix(typeC, sizes.m, sizes.n, false) &&
           dnnl_engine_create(&engine, dnnl_cpu, 0) == dnnl_success &&
           dnnl_stream_create(&stream, engine, dnnl_stream_default_flags) ==
               dnnl_success &&
           dnnl_matmul_desc_init(&operation, &typeA, &typeB, nullptr, &typeC) ==
               dnnl_success &&
           dnnl_primitive_desc_create(&descriptor, &operation, nullptr, engine,
                                      nullptr) == dnnl_success &&
           dnnl_primitive_create(&primitive, descriptor) == dnnl_success &&
           memory(a, typeA) && memory(b, typeB) && memory(c, typeC);
  }

  ~Handles() {
    for (dnnl_memory_t memory : {a, b, c})
      dnnl_memory_destroy(memory);
    dnnl_primitive_destroy(primitive);
    dnnl_primitive_desc_destroy(descriptor);
    dnnl_stream_destroy(stream);
    dnnl_engine_destroy(engine);
  }
};

MatrixProduct::MatrixProduct(const Sizes &sizes)
    : handles(std::make_unique<Handles>()) {
  handles->valid = handles->create(sizes);
}

MatrixProduct::~MatrixProduct() = default;
MatrixProduct::MatrixProduct(MatrixProduct &&) noexcept = default;

bool MatrixProduct::isValid() const { return handles->valid; }

void MatrixProduct::run(const float *a, const float *b, float *c) const {
  dnnl_memory_set_data_handle(handles->a, const_cast<float *>(a));
  dnnl_memory_set_data_handle(handles->b, const_cast<float *>(b));
  dnnl_memory_set_data_handle(handles->c, c);
  dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, handles->a},
                                 {DNNL_ARG_WEIGHTS, handles->b},
                                 {DNNL_ARG_DST, handles->c}};
  dnnl_primitive_execute(handles->primitive, handles->stream, 3, arguments);
  dnnl_stream_wait(handles->stream);
}
