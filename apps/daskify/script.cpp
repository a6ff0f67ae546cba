#include "job_preview.hpp"

#include "command.hpp"

#include "daskify/defaults.hpp"
#include "daskify/deploy/slurm/slurm_advice.hpp"
#include "daskify/deploy/slurm/slurm_commands.hpp"
#include "daskify/deploy/slurm/slurm_request.hpp"
#include "daskify/os/own_program.hpp"

#include <iostream>

namespace daskify::command {

using namespace daskify::internal;

void preview_jobs(settings with, bool ask_slurm) {
  if (with.mode != cluster_mode::test)
    with.mode = cluster_mode::slurm;
  with.resolve_paths();
  if (!with.worker_program)
    with.worker_program = own_program("daskify-worker");
  auto text = example_job_script(with, *with.worker_program);
  std::cout << text << std::flush;
  if (!ask_slurm)
    return;
  try {
    std::cerr << "SLURM: " << slurm_commands{tuning::slurm_timeout}.test_only(text) << std::endl;
  } catch (const slurm_refusal& e) {
    throw cluster_error{e.code(), with_advice(e, with)};
  }
}

int script(arguments given) {
  boost::program_options::options_description own{""};
  own.add_options()("dry-run", "also ask SLURM (sbatch --test-only) whether and when such a job could run");
  parsed all{"script", own, std::move(given)};
  if (all.shows_help("[--dry-run] [--config FILE] [--NAME VALUE]...",
                     "Shows the script of the jobs that 'daskify up' submits with these settings, with\n"
                     "SESSION and LOGS in place of the folders that are made then. Nothing is\n"
                     "submitted.\n\n"
                     "Examples:\n"
                     "  daskify script --config cluster.conf\n"
                     "  daskify script --queue gpu --job_extra=--gres=gpu:1 --dry-run\n"
                     "  daskify script --mode test --job_shape allocation | less"))
    return done;
  preview_jobs(all.settings(), all.has("dry-run"));
  return done;
}

} // namespace daskify::command
