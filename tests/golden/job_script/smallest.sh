#!/bin/bash
#SBATCH --array=0
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --open-mode=append # started again, the job goes on in its log
#SBATCH --requeue

exec /usr/bin/true
