#!/bin/bash
#SBATCH --job-name=sweep
#SBATCH --partition=long
#SBATCH --account=physics
#SBATCH --ntasks=10
#SBATCH --cpus-per-task=4
#SBATCH --mem-per-cpu=477M
#SBATCH --time=01:31:00
#SBATCH --chdir=/home/me
#SBATCH --output=/home/me/logs/nodes-%j.log
#SBATCH --open-mode=append # started again, the job goes on in its log
#SBATCH --requeue
#SBATCH --no-kill # a node that fails does not end the job, unless it is the first
#SBATCH --gres=gpu:1
#SBATCH -C 'skylake'

# A line that fails here ends the job; what fails within functions and sourced files does not.
trap '((${#BASH_SOURCE[@]} > 1)) || { echo "Line $LINENO of the job script failed." >&2; exit 1; }' ERR
module load gcc/12
source ~/setup.sh

export SWEEP_SESSION=/home/me/session
export SWEEP_NOTE='two words'

# They may be another job's, the one in which sbatch was called; srun knows this job's without them.
unset "${!SLURM_MEM_PER_@}" "${!SLURM_CPU_BIND@}"

# A task or node that fails ends no other one.
exec srun --export=ALL --cpus-per-task=4 --kill-on-bad-exit=0 --wait=0 --no-kill \
  /home/me/sweep --steps=100
