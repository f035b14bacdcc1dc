//===- RankMain.cpp - main of tests that run as one rank of several -------===//
//
// Every rank runs the same tests in the same order; collective calls of a test
// meet. The exit code is that of the worst rank.
//
//===----------------------------------------------------------------------===//

#include <gtest/gtest.h>
#include <mpi.h>

int main(int argc, char **argv) {
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  testing::InitGoogleTest(&argc, argv);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (rank != 0) {
    testing::TestEventListeners &listeners =
        testing::UnitTest::GetInstance()->listeners();
    // Failures of other ranks print through the listener of rank 0's kind only
    // when something fails: keep it, but drop the progress lines.
    struct FailuresOnly : testing::EmptyTestEventListener {
      void OnTestPartResult(const testing::TestPartResult &result) override {
        if (result.failed())
          fprintf(stderr, "rank failed: %s:%d: %s\n", result.file_name(),
                  result.line_number(), result.message());
      }
    };
    delete listeners.Release(listeners.default_result_printer());
    // One rank writes the report that GTEST_OUTPUT asks for.
    delete listeners.Release(listeners.default_xml_generator());
    listeners.Append(new FailuresOnly);
  }
  int result = RUN_ALL_TESTS(), worst = 0;
  MPI_Allreduce(&result, &worst, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  MPI_Finalize();
  return worst;
}
