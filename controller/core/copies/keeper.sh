# The keeper of a task of copies: stays up until every container named has stopped, then lets the task end.
# With a deadline it ends the task then, whoever still runs: ECS sends SIGTERM and honours stopTimeout.
#
#   sh -c "$(cat keeper.sh)" ecsq-keeper NAME...      (needs sh, wget and sleep; writes no file)
#
# It asks ${ECS_CONTAINER_METADATA_URI_V4}/task what each container is doing. Whatever it does not know, it
# takes as running: it never ends a task because an answer is missing, late, cut or no answer at all.
#
#   ECSQ_KEEPER_POLL     seconds from one question to the next (5)
#   ECSQ_KEEPER_TIMEOUT  seconds that an answer may take, to its last byte (5)
#   ECSQ_KEEPER_GRACE    usable answers in a row, nothing changing, until one that never appeared is given up (180)
#   ECSQ_KEEPER_DEADLINE whole seconds from the start of the last copy to the end of the task; also needs date (none)
#   ECSQ_KEEPER_COPIES   which of the names are copies
#
# Exit: 0 all have stopped; 2 cannot work here; 3 the others have stopped, one never appeared; 4 the deadline is over; 143 on SIGTERM.
set -uf
export LC_ALL=C
unset http_proxy HTTP_PROXY
poll=${ECSQ_KEEPER_POLL:-5}
timeout=${ECSQ_KEEPER_TIMEOUT:-5}
grace=${ECSQ_KEEPER_GRACE:-180}
deadline=${ECSQ_KEEPER_DEADLINE:-}
copies=${ECSQ_KEEPER_COPIES:-}
brackets='[][{}]'
never_appeared=3
overdue=4
watcher=
IFS=' '

say() { printf 'ecsq-keeper: %s\n' "$*" 2>/dev/null || :; }

fail() {
  say "$1"
  exit 2
}

# As process 1 the kernel drops a signal that has no handler; and a log that nobody reads must not end us.
trap 'kill "$watcher" 2>/dev/null; exit 143' TERM INT
trap '' PIPE

# listing="NAME=STATUS ..." and starts="NAME=SECONDS ..." of a whole task document; fails on anything else. JSON is cut at its quotes, so
# the fields are by turns outside and inside a string; brackets outside strings tell where in it we are.
read_listing() {
  listing='' starts='' path='' key='' text='' array='' name='' status='' started='' found='' whole='' side=outside
  case ${1#"${1%%[![:space:]]*}"} in '{'*) ;; *) return 1 ;; esac
  IFS='"'
  set -- $1
  IFS=' '
  for field do
    if [ "$side" = inside ]; then
      text=$text$field
      if ends_escaped "$field"; then text=$text'"'; else side=outside; fi
    else
      read_outside "$field" || return 1
      text='' side=inside
    fi
  done
  [ "$whole" ] && [ "$found" ]
}

# Whether a string goes on after its quote: an odd number of backslashes stands before it.
ends_escaped() {
  run=${1##*[!\\]}
  [ $((${#run} % 2)) -eq 1 ]
}

read_outside() {
  [ -z "$whole" ] || return 1
  case ${1#"${1%%[![:space:]]*}"} in
    :*) key=$text ;;
    *) read_value ;;
  esac
  rest=$1
  while :; do
    rest=${rest#"${rest%%$brackets*}"}
    case $rest in
      '') return 0 ;;
      '{'*) open '{' ;;
      '['*) open '[' ;;
      '}'*) close '{' || return 1 ;;
      ']'*) close '[' || return 1 ;;
    esac
    rest=${rest#?}
    if [ "$whole" ]; then
      case $rest in *[![:space:]]*) return 1 ;; *) return 0 ;; esac
    fi
  done
}

# A string that is a value matters in one place: directly inside an object of the top level's Containers.
read_value() {
  [ "$path$array" = '{[{Containers' ] || return 0
  case $key in
    Name) name=$text ;;
    KnownStatus) status=$text ;;
    StartedAt) started=$text ;;
  esac
  key=
}

open() {
  if [ "$path$1" = '{[' ]; then
    array=$key
    [ "$array" != Containers ] || found=yes
  fi
  path=$path$1
  [ "$path" != '{[{' ] || name='' status='' started='' key=''
}

close() {
  case $path in *"$1") ;; *) return 1 ;; esac
  if [ "$path$array" = '{[{Containers' ]; then
    case $name in
      '' | *[!A-Za-z0-9_-]*) ;;
      *) case $status in
          '' | *[!A-Z_]*) listing="$listing $name=UNKNOWN" ;;
          *) listing="$listing $name=$status" ;;
        esac
        ! read_date "$started" || starts="$starts $name=$date" ;;
    esac
  fi
  path=${path%?}
  [ "$path" ] || whole=yes
}

# date= the first whole second since 1970 that is not before $1, such as 2026-01-08T20:09:11.44527186Z. Fails on
# anything else, and on year 1, which is how Go writes that there is no date. Days are counted from a 1st of March.
read_date() {
  case $1 in
    20[0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9][.Z]*) ;;
    *) return 1 ;;
  esac
  case $1 in *[!0-9TZ:.-]* | *Z?*) return 1 ;; *Z) ;; *) return 1 ;; esac
  IFS=-T:.Z
  set -- $1
  IFS=' '
  year=$1 month=${2#0} day=${3#0}
  [ "$month" -gt 2 ] || year=$((year - 1)) month=$((month + 12))
  day=$((365 * year + year / 4 - year / 100 + year / 400 + (153 * month - 457) / 5 + day - 719469))
  date=$((86400 * day + 3600 * ${4#0} + 60 * ${5#0} + ${6#0} + 1))
}

# state= what ECS says of $1; else what it last said; else absent. Of two entries the one that lives counts.
find_state() {
  state=
  for entry in $listing; do
    case $entry in
      "$1=STOPPED") state=${state:-STOPPED} ;;
      "$1="*) state=${entry#*=} ;;
    esac
  done
  [ -z "$state" ] || return 0
  state=absent
  for entry in $view; do
    case $entry in "$1="*) state=${entry#*=} ;; esac
  done
}

# Looks at one usable answer: sets waiting= (someone has not stopped) and live= (someone runs or may).
look() {
  before=$view waiting='' live='' now=''
  for name do
    find_state "$name"
    now="$now $name=$state"
    case $state in
      STOPPED) ;;
      absent) waiting=yes ;;
      *) waiting=yes live=yes ;;
    esac
  done
  view=$now
  unchanged=$((unchanged + 1))
  if [ "$view" != "$before" ]; then
    unchanged=0
    say "see$view"
  fi
}

# seconds= on a clock that nobody can set, where the kernel has one.
read_clock() {
  { read -r seconds _ </proc/uptime; } 2>/dev/null || seconds=$(date +%s)
  seconds=${seconds%%.*}
}

# ends= when the deadline is over, by read_clock, once every copy has started or stopped without a start. Their dates
# are kept as they were first seen: a container may be missing from a later list.
find_end() {
  last=0
  for name in $copies; do
    case " $begun" in *" $name="*) ;; *)
      for entry in $starts; do
        case $entry in "$name="*) begun="$begun $entry" ;; esac
      done ;;
    esac
    at=
    for entry in $begun; do
      case $entry in "$name="*) [ "${at:-0}" -ge "${entry#*=}" ] || at=${entry#*=} ;; esac
    done
    find_state "$name"
    [ "$at" ] || [ "$state" = STOPPED ] || return 0
    [ "${at:-0}" -le "$last" ] || last=$at
  done
  now=$(date +%s) || return 0
  [ "$last" -gt 0 ] || return 0
  read_clock
  # Each of the two clocks shows whole seconds that have passed: a second more, and it is never too soon.
  ends=$((seconds + 1 + deadline - (now - last)))
  say "the last copy started $((now - last)) s ago; the deadline is $deadline s after that"
}

# Sleeps until the next question, or until the deadline; fails when that is over.
pause() {
  nap=$poll
  if [ "$ends" ]; then
    read_clock
    left=$((ends - seconds))
    [ "$left" -gt 0 ] || return 1
    [ "$left" -gt "${poll%%.*}" ] || nap=$left
  fi
  sleep "$nap"
}

# Prints what the endpoint answers within the time. wget's own -T would not do: it bounds the silence between
# two bytes and not the whole, and a busybox built without it (Debian's, for years) crashes on it. The guard is
# ended without ceremony, since a trap may miss a signal that comes early; its sleep ends by itself.
ask() {
  wget -q -t 1 -O - "$ECS_CONTAINER_METADATA_URI_V4/task" &
  question=$!
  { sleep "$timeout" && kill "$question"; } >/dev/null &
  guard=$!
  wait "$question"
  code=$?
  kill "$guard"
  return "$code"
}

watch() {
  view='' unchanged=0 unanswered=0 begun='' ends=''
  while :; do
    if answer=$(ask 2>/dev/null) && read_listing "$answer"; then
      [ "$unanswered" -eq 0 ] || say "answers again, after $unanswered without use"
      unanswered=0
      look "$@"
      [ "$waiting" ] || return 0
      [ "$live" ] || [ "$unchanged" -lt "$grace" ] || return $never_appeared
      [ -z "$deadline" ] || [ "$ends" ] || find_end
    else
      [ $((unanswered % 60)) -ne 0 ] || say "no usable answer from $ECS_CONTAINER_METADATA_URI_V4/task; going on"
      unanswered=$((unanswered + 1))
    fi
    pause || return $overdue
  done
}

[ $# -gt 0 ] || fail 'no container named to wait for'
[ "${ECS_CONTAINER_METADATA_URI_V4:-}" ] || fail 'ECS_CONTAINER_METADATA_URI_V4 is not set'
case $deadline in *[!0-9]*) fail "ECSQ_KEEPER_DEADLINE is no whole number of seconds" ;; esac
for tool in wget sleep ${deadline:+date}; do
  command -v "$tool" >/dev/null || fail "this image has no $tool: choose another keeper_image"
done

# The watch is a child, so that a signal is handled at once and a shell that fails is started again.
while :; do
  watch "$@" &
  watcher=$!
  wait "$watcher"
  ended=$?
  case $ended in
    0) say 'all have stopped' ;;
    "$never_appeared") say 'given up on what never appeared; the others have stopped' ;;
    "$overdue") say "the deadline of $deadline s is over: ending the task" ;;
    *) say 'the watch broke off; starting it again' ;;
  esac
  case $ended in 0 | "$never_appeared" | "$overdue") exit "$ended" ;; esac
  sleep 1 &
  wait $!
done
