#!/bin/bash
#SBATCH --job-name='a \'b\' "c" \\ # $HOME `id`'
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --chdir='/tmp/a b'
#SBATCH --output='/tmp/50%% "of" it\'s #1/log-%j'
#SBATCH --open-mode=append # started again, the job goes on in its log
#SBATCH --requeue
#SBATCH --comment='#1; $(id)'
#SBATCH --comment 'two words'

export NASTY='line''
#SBATCH --exclusive
'\''$(id)'\'''

exec '/tmp/my program' '' 'it'\''s' '$HOME' 'a
b'
