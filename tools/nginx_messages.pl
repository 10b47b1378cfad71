# What the nginx of start.sh says, fit for a person: of each kind of message one line at once, and then one a
# second at the most, with how many more there were. It ends when all of nginx has ended. (Perl, which
# autoconf needs anyway: mawk waits until a pipe has 4 KiB for it, and has no time-out.)
#
#   perl nginx_messages.pl RUN <PIPE
#
# Until RUN/ready is there, it says only what keeps nginx from starting. Other errors then mean that the log
# server does not answer yet; the last one is left in RUN/why, for start.sh to say if it never does.
#
# It never waits for whoever reads stderr: nginx would wait for it. What a full pipe or a stopped terminal does
# not take counts as not said.
use strict;
use warnings;
use Fcntl;

my $run = shift;
my $ready;
# Of each kind: when it was last said, how many were not said since, and the last of these.
my (%second, %more, %last);

# Opened again, a pipe or terminal is non-blocking here alone, and not in the shell as well.
my $out = \*STDERR;
if (-p STDERR || -c STDERR) {
	my $again;
	$out = $again if sysopen $again, '/proc/self/fd/2', O_WRONLY | O_NONBLOCK | O_NOCTTY;
}

# False: stderr does not take it now.
sub say_line {
	my ($line) = @_;
	vec(my $to = '', fileno $out, 1) = 1;
	return select(undef, $to, undef, 0) > 0 && syswrite $out, $line;
}

sub report {
	my ($kind, $line, $more) = @_;
	$second{$kind} = time;
	# A longer one could wait for a pipe that has less room.
	my $said = substr("nginx: $line", 0, 4000) . ($more ? " [and $more more like it]" : '') . "\n";
	return if say_line($said);
	$more{$kind} = 1 + ($more // 0);
	$last{$kind} = $line;
}

# For start.sh, which may be reading it.
sub keep {
	my ($line) = @_;
	open my $new, '>', "$run/why.new" or return;
	print $new $line =~ s/, client:.*//r;
	close $new and rename "$run/why.new", "$run/why";
}

sub hear {
	my ($line) = @_;
	my $fatal = $line =~ /\[(?:emerg|alert)\] /;
	# Without its time, process and connection.
	$line =~ s{^(?:[\d/]+ [\d:]+ \[\w+\] [\d#]+: (?:\*\d+ )?|nginx: \[\w+\] )}{};
	# Its words are those of an answer, in JSON.
	$line =~ s/\\"/"/g if $line =~ /^refused with/;
	# A kind: without the client, its request, and figures.
	(my $kind = $line) =~ s/(?:, client:| \(asked:).*//;
	$kind =~ s/\d+/0/g unless $kind =~ /^refused with/;

	if (!$ready && !($ready = -e "$run/ready")) {
		# That a port is in use, nginx finds five times.
		return if $second{$kind} || $line =~ /^still could not bind/;
		if (!$fatal) {
			keep($line) unless $kind =~ /^refused with/;
			return;
		}
	}
	if (($second{$kind} // 0) == time) {
		++$more{$kind};
		$last{$kind} = $line;
	} else {
		report($kind, $line, delete $more{$kind});
	}
}

# Says how many more there were of those kinds that may be said again; of all, at the end.
sub report_rest {
	my ($all) = @_;
	for my $kind (grep { $all || $second{$_} != time } keys %more) {
		report($kind, $last{$kind}, delete($more{$kind}) - 1);
	}
}

my $heard = '';
while (1) {
	vec(my $from = '', 0, 1) = 1;
	if (select($from, undef, undef, %more ? 1 : undef)) {
		sysread STDIN, $heard, 65536, length $heard or last;
		my @lines = split /\n/, $heard, -1;
		$heard = pop @lines;
		hear($_) for @lines;
	}
	report_rest();
}
report_rest(1);
