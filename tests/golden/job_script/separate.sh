#!/bin/bash
#SBATCH --job-name=sweep
#SBATCH --partition=long
#SBATCH --account=physics
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --mem=1908M
#SBATCH --time=01:31:00
#SBATCH --chdir=/home/me
#SBATCH --output=/home/me/logs/worker-%A_%a.log
#SBATCH --open-mode=append # started again, the job goes on in its log
#SBATCH --requeue
#SBATCH --gres=gpu:1
#SBATCH -C 'skylake'

# A line that fails here ends the job; what fails within functions and sourced files does not.
trap '((${#BASH_SOURCE[@]} > 1)) || { echo "Line $LINENO of the job script failed." >&2; exit 1; }' ERR
module load gcc/12
source ~/setup.sh

export SWEEP_SESSION=/home/me/session
export SWEEP_NOTE='two words'

exec /home/me/sweep --steps=100
