#!/bin/bash
#SBATCH --job-name=daskify-SESSION
#SBATCH --partition=gpu
#SBATCH --array=0-1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --mem=1908M
#SBATCH --time=01:30:00
#SBATCH --chdir=/
#SBATCH --output=LOGS/job-%A_%a.log
#SBATCH --open-mode=append # started again, the job goes on in its log
#SBATCH --requeue
#SBATCH --gres=gpu:1

export DASKIFY_NODE_SESSION=SESSION
export DASKIFY_NODE_IN_JOB=1
export DASKIFY_NODE_PROGRAM_NAME=/opt/my_program
export DASKIFY_NODE_LOG_FOLDER=LOGS
export DASKIFY_NODE_WORKERS=1
export DASKIFY_NODE_THREADS=1
export DASKIFY_NODE_START_TIMEOUT=60000
export DASKIFY_NODE_HEARTBEAT_TIMEOUT=30000

exec /opt/my_program
