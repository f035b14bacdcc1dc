// Constraints M of modules and F of arguments and results (ColossalDialect.td): what phases attach.
// RUN: colossal-opt -split-input-file -verify-diagnostics %s

// expected-error @below {{M1: found "colossal.mesh" = ["data", 2], expected a #colossal.mesh}}
module attributes {colossal.mesh = ["data", 2]} {}

// -----

// expected-error @below {{M1: found "colossal.mesh" = 2}}
module attributes {colossal.mesh = 2 : i64} {}

// -----

// expected-error @below {{M1: found 'a' of size 0, expected sizes of at least 1}}
module attributes {colossal.mesh = #colossal.mesh<a = 0>} {}

// -----

// expected-error @below {{M1: found the axis 'a', expected distinct names}}
module attributes {colossal.mesh = #colossal.mesh<a = 2, a = 2>} {}

// -----

// expected-error @below {{M1: found the axis 'time', expected distinct names, and not 'time'}}
module attributes {colossal.mesh = #colossal.mesh<time = 2>} {}

// -----

// expected-error @below {{M1: found the axis ''}}
module attributes {colossal.mesh = #colossal.mesh<"" = 2>} {}

// -----

// More devices than there are.
// expected-error @below {{M1: found 'b' of size 2, expected sizes of at least 1, and at most 1048576 devices}}
module attributes {colossal.mesh = #colossal.mesh<a = 1048576, b = 2>} {}

// -----

// expected-error @below {{M2: found "colossal.stages" = 16777216 : i64, expected an i64 from 1 to 1048576}}
module attributes {colossal.stages = 16777216 : i64} {}

// -----

// expected-error @below {{M2: found "colossal.stages" = 0 : i64}}
module attributes {colossal.stages = 0 : i64} {}

// -----

// expected-error @below {{M2: found "colossal.microbatches" = 2 : i32, expected an i64 from 1 to 1048576}}
module attributes {colossal.microbatches = 2 : i32} {}

// -----

// expected-error @below {{M3: found 'zigzag', expected gpipe, 1f1b}}
module attributes {colossal.schedule = #colossal.schedule<zigzag>} {}

// -----

// expected-error @below {{M3: found "colossal.schedule" = "gpipe", expected a #colossal.schedule}}
module attributes {colossal.schedule = "gpipe"} {}

// -----

// expected-error @below {{M4: found "colossal.device_groups" = 0 : i64, expected an i64 from 1}}
module attributes {colossal.device_groups = 0 : i64, colossal.stages = 2 : i64} {}

// -----

// expected-error @below {{M4: found 2 device groups, expected a divisor of the colossal.stages}}
module attributes {colossal.device_groups = 2 : i64, colossal.stages = 3 : i64} {}

// -----

// Bounds come with the look-up that needs them.
module attributes {colossal.inputs = [{name = "x"}, {name = "ids", lowest = 0, highest = 9, lookup = "'embedding'"}]} {}

// -----

// expected-error @below {{M5: found "colossal.inputs" = [{lowest = 0 : i64, name = "ids"}], expected a list of {name} or {name, lowest, highest, lookup, others}}}
module attributes {colossal.inputs = [{name = "ids", lowest = 0}]} {}

// -----

// expected-error @below {{F1: found 'weight', expected parameter, buffer, optimizer, batch, control}}
func.func @f(%x: tensor<4xf32> {colossal.role = #colossal.role<weight>}) { return }

// -----

// expected-error @below {{F1: found "colossal.role" = 1 : i64, expected a #colossal.role}}
func.func @f(%x: tensor<4xf32> {colossal.role = 1 : i64}) { return }

// -----

// expected-error @below {{F2: found "colossal.name" = 1 : i64, expected a name}}
func.func @f(%x: tensor<4xf32> {colossal.name = 1 : i64}) { return }

// -----

// expected-error @below {{F2: found colossal.name = "w" on two arguments, expected unique names}}
func.func @f(%x: tensor<4xf32> {colossal.name = "w"}, %y: tensor<4xf32> {colossal.name = "w"}) { return }

// -----

// expected-error @below {{F2: found "colossal.metric" = "", expected a name}}
func.func @f(%x: tensor<f32>) -> (tensor<f32> {colossal.metric = ""}) { return %x : tensor<f32> }

// -----

// expected-error @below {{F2: found "colossal.link" = unit, expected a name}}
func.func @f(%x: tensor<f32> {colossal.link}) { return }

// -----

// expected-error @below {{F3: found "colossal.source" = {fill = 0 : i64}, expected {fill}, {normal, seed, stream} or}}
func.func @f(%x: tensor<f32> {colossal.source = {fill = 0 : i64}}) { return }

// -----

// Random numbers of no stream, and of a negative deviation.
// expected-error @below {{F3: found "colossal.source"}}
func.func @f(%x: tensor<f32> {colossal.source = {normal = 0.02, seed = 0 : i64}}) { return }

// -----

// expected-error @below {{F3: found "colossal.source"}}
func.func @f(%x: tensor<f32> {colossal.source = {normal = -1.0, seed = 0 : i64, stream = "w"}}) { return }

// -----

// A file's elements are floats.
// expected-error @below {{F3: found "colossal.source"}}
func.func @f(%x: tensor<f32> {colossal.source = {file = "w", offset = 0 : i64, bytes = 4 : i64, elements = "i32"}}) { return }

// -----

// expected-error @below {{F3: found "colossal.source" = {bytes = 4 : i64, file = "w.bin", offset = -4 : i64}}}
func.func @f(%x: tensor<f32> {colossal.source = {file = "w.bin", offset = -4 : i64, bytes = 4 : i64}}) { return }

// -----

// expected-error @below {{F3: found "colossal.source" = {file = 3 : i64}}}
func.func @f(%x: tensor<f32> {colossal.source = {file = 3 : i64}}) { return }

// -----

// expected-error @below {{F3: found "colossal.source" = "w.bin"}}
func.func @f(%x: tensor<f32> {colossal.source = "w.bin"}) { return }

// -----

// expected-error @below {{F4: found "colossal.aliases" = "lm_head.weight", expected a list of strings}}
func.func @f(%x: tensor<f32> {colossal.aliases = "lm_head.weight"}) { return }

// -----

// expected-error @below {{F5: found "colossal.batch_dim" = 1 : i64 on a value of type 'tensor<4xf32>'}}
func.func @f(%x: tensor<4xf32> {colossal.batch_dim = 1 : i64}) { return }

// -----

// expected-error @below {{F5: found "colossal.batch_dim" = -1 : i64, expected a dimension}}
func.func @f(%x: tensor<4xf32> {colossal.batch_dim = -1 : i64}) { return }

// -----

// expected-error @below {{F6: found colossal.updates = 1 : i64, expected the number of one of 1 arguments}}
func.func @f(%x: tensor<4xf32>) -> (tensor<4xf32> {colossal.updates = 1 : i64}) { return %x : tensor<4xf32> }

// -----

// expected-error @below {{F6: found "colossal.updates" = -1 : i64, expected the number or the name of a state}}
func.func @f(%x: tensor<4xf32>) -> (tensor<4xf32> {colossal.updates = -1 : i64}) { return %x : tensor<4xf32> }

// -----

// expected-error @below {{F6: found colossal.updates = 0 : i64, expected a result of the state's type, 'tensor<4xf32>'}}
func.func @f(%x: tensor<4xf32>, %y: tensor<f32>) -> (tensor<f32> {colossal.updates = 0 : i64}) { return %y : tensor<f32> }

// -----

// expected-error @below {{F6: found colossal.updates = 0 : i64, expected a parameter, a buffer or a state of the optimizer}}
func.func @f(%x: tensor<4xf32> {colossal.role = #colossal.role<batch>}) -> (tensor<4xf32> {colossal.updates = 0 : i64}) { return %x : tensor<4xf32> }

// -----

// expected-error @below {{F6: found colossal.updates = "w", expected one new value of each state}}
func.func @f(%x: tensor<f32>) -> (tensor<f32> {colossal.updates = "w"}, tensor<f32> {colossal.updates = "w"}) { return %x, %x : tensor<f32>, tensor<f32> }

// -----

// expected-error @below {{F7: found "colossal.per_microbatch" = true, expected no value}}
func.func @f(%x: tensor<f32> {colossal.per_microbatch = true}) { return }

// -----

// expected-error @below {{F7: found "colossal.accumulate" = 1 : i64}}
func.func @f(%x: tensor<f32>) -> (tensor<f32> {colossal.accumulate = 1 : i64}) { return %x : tensor<f32> }

// -----

// expected-error @below {{F8: found "colossal.global_shape" = [4], expected a list of lists of sizes}}
func.func @f(%x: tensor<4xf32> {colossal.global_shape = [4]}) { return }

// -----

// expected-error @below {{F8: found "colossal.global_shape" = [[-4]], expected a list of lists of sizes}}
func.func @f(%x: tensor<4xf32> {colossal.global_shape = [[-4]]}) { return }

// -----

// expected-error @below {{F8: found "colossal.global_shape" = [[4], [2]] on a value of type 'tensor<4xf32>'}}
func.func @f(%x: tensor<4xf32> {colossal.global_shape = [[4], [2]]}) { return }

// -----

// A slip of the pen is no attribute that nobody reads.
// expected-error @below {{F9: found "colossal.roll", expected a known attribute}}
func.func @f(%x: tensor<f32> {colossal.roll = "batch"}) { return }

// -----

// expected-error @below {{F9: found "colossal.updates" on an argument}}
func.func @f(%x: tensor<f32> {colossal.updates = 0 : i64}) { return }

// -----

// expected-error @below {{F9: found "colossal.role" on a result}}
func.func @f(%x: tensor<f32>) -> (tensor<f32> {colossal.role = #colossal.role<batch>}) { return %x : tensor<f32> }

// -----

// expected-error @below {{F9: found "colossal.role" on 'func.func', expected it on an argument or a result of a function}}
func.func @f(%x: tensor<f32>) attributes {colossal.role = #colossal.role<batch>} { return }

// -----

// expected-error @below {{F9: found "colossal.mesh" on 'func.func', expected it on a module}}
func.func @f(%x: tensor<f32>) attributes {colossal.mesh = #colossal.mesh<a = 2>} { return }
