# A life of a program, started by multiwatch; tools/supervise.sh puts $tree, $me, $run, $name and $program in front. Until
# all is ready once, a second life is not tried: why the first ended has been said on stderr. Later it is
# started again at once, however often it is killed; only if it keeps ending within 0.2 s of its start, it gets
# a pause.
# shellcheck shell=bash disable=SC2154
exec 2>&7 7>&-
now=${EPOCHREALTIME/[.,]/}
last=0 quick=0
[[ -r $run/$name/last-start ]] && read -r last quick <"$run/$name/last-start"
if ((last > 0)); then
	if [[ ! -e $run/ready ]]; then
		: >"$run/$name/ended"
		exec sleep infinity
	fi
	echo "$me: $name has ended; it is started again" >&2
fi
if ((now - last < 200000)); then ((++quick)); else quick=0; fi
echo "$now $quick" >"$run/$name/last-start"
echo $$ >"$run/$name/pid" # the program's: it takes this one's place
((quick > 5)) && sleep 1
# Reading gives way to writing: it gets what of the processors is left, also where each session is weighed as
# one (autogroup), and if memory runs out, it is what goes.
yield=()
if [[ $program == */pbu-log-reader ]]; then
	yield=(nice -n 10)
	{
		echo 10 >/proc/self/autogroup
		echo 500 >/proc/self/oom_score_adj
	} 2>/dev/null
else
	unset READ_TOKEN READ_PEERS_TOKEN # which the others would not take out of their environment
fi
# If multiwatch is killed, the program is told to end: nobody would start it again. Not a broker: one that still waits
# for the others to begin takes a minute to do so; what it has stored stands a kill.
death=TERM
[[ $name == kafka-* ]] && death=KILL
exec "${yield[@]}" setpriv --pdeathsig "$death" -- "$BASH" "$tree/tools/tied.sh" "$PPID" "${program[@]}"
