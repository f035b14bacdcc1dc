//===- SessionFolder.h - Where a job of Open MPI has its files --*- C++ -*-===//
//
// Open MPI puts the files of all jobs of a user into one folder, and a job that
// ends removes the folder if it is empty: another that begins just then finds
// its own place gone ("mkdir was unable to create the desired directory"). So
// each job on this machine gets a folder for itself.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_TOOLS_RUN_SESSIONFOLDER_H
#define COLOSSAL_TOOLS_RUN_SESSIONFOLDER_H

#include <string>

/// Exists, and is told to the launcher, as long as the object does.
class SessionFolder {
public:
  /// Nothing happens if the folder cannot be made, or if the user has said
  /// where sessions are: Open MPI does then what it does.
  SessionFolder();
  ~SessionFolder();
  SessionFolder(const SessionFolder &) = delete;

private:
  std::string path;
};

#endif // COLOSSAL_TOOLS_RUN_SESSIONFOLDER_H
