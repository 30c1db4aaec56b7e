# shellcheck shell=sh disable=SC2034
# Shared by tools/start and tools/test, which run in the root of the tree.

build_packages="g++ cmake ninja-build ccache libboost-dev libboost-program-options-dev
  libspdlog-dev libfmt-dev libtbb-dev libyaml-cpp-dev nlohmann-json3-dev
  libsimdjson-dev zlib1g-dev"
quick_test_packages="doctest-dev"
# Nice to have: without npm, reports have no interactive charts; without a browser, nobody looks at them.
report_packages="nodejs npm"
browser_packages="chromium"
full_test_packages="clang clang-format clang-tidy libclang-rt-dev libbenchmark-dev shellcheck"

jobs=${PENSTOCK_JOBS:-$(nproc 2>/dev/null || echo 2)}

# A second checkout of the same tree shares the compiler cache of the first.
export CCACHE_BASEDIR="$PWD" CCACHE_NOHASHDIR=1

fail() {
  printf '%s: %s\n' "$0" "$*" >&2
  exit 1
}

# step NAME COMMAND...: runs a stage, says what it is and how long it took; returns its status.
step() {
  step_name=$1
  shift
  printf '==> %s\n' "$step_name"
  step_began=$(date +%s)
  step_status=0
  "$@" || step_status=$?
  step_seconds=$(($(date +%s) - step_began))
  if [ "$step_status" -eq 0 ]; then
    printf '    %s: %s s\n' "$step_name" "$step_seconds"
  else
    printf '    %s: FAILED after %s s\n' "$step_name" "$step_seconds"
  fi
  return "$step_status"
}

# missing_packages PACKAGE...: prints those that are not installed.
missing_packages() {
  for package in "$@"; do
    case $(dpkg-query -W -f='${Status}' "$package" 2>/dev/null) in
      *" installed") ;;
      *) printf ' %s' "$package" ;;
    esac
  done
}

# need_packages PACKAGE...: installs what is missing from the distribution's own archive, nothing else.
need_packages() {
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    printf 'Not Debian or Ubuntu: nothing is installed for you. If the build misses something,\n'
    printf 'install what is called here: %s\n' "$*"
    return 0
  fi
  missing=$(missing_packages "$@")
  if [ -z "$missing" ]; then
    return 0
  fi
  as_root=""
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "missing packages, and neither root nor sudo is at hand to
  install them. Ask for: apt-get install$missing"
    as_root=sudo
  fi
  printf 'Penstock is built with packages of your distribution. Those that are missing here are\n'
  printf 'installed now, by %s; nothing else is changed.\n' "${as_root:+$as_root }apt-get"
  # shellcheck disable=SC2086
  step "install:$missing" apt_install "$as_root" $missing ||
    fail "apt-get could not install$missing
  (its reason stands above; without a network, install them by hand and start again)"
}

# want_packages COMMAND PACKAGE...: installs packages that bring a command, if it is missing; goes on
# without them where that is not possible.
want_packages() {
  wanted=$1
  shift
  if command -v "$wanted" >/dev/null || ! command -v apt-get >/dev/null; then
    return 0
  fi
  wanted_root=""
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || return 0
    wanted_root=sudo
  fi
  step "install, if possible: $*" apt_install "$wanted_root" "$@" ||
    printf 'going on without %s\n' "$wanted"
}

apt_install() {
  apt_as=$1
  shift
  # One stale or unreachable source is no reason to stop: the installation itself decides.
  $apt_as apt-get -q update || true
  $apt_as env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends \
    -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

# configure PRESET: silent unless it fails.
configure() {
  mkdir -p build
  cmake --preset "$1" >"build/configure-$1.log" || {
    cat "build/configure-$1.log"
    return 1
  }
}

# build PRESET TARGET...: configures and builds; quiet unless somebody watches.
build() {
  preset=$1
  shift
  configure "$preset" || return 1
  if [ -t 1 ]; then
    cmake --build --preset "$preset" --parallel "$jobs" --target "$@"
  else
    cmake --build --preset "$preset" --parallel "$jobs" --target "$@" -- --quiet
  fi
}

# sources: the C++ files of the project.
sources() {
  find sim config workloads tools tests \( -name node_modules -o -name corpus \) -prune -o \
    \( -name '*.cpp' -o -name '*.h' \) -print
}
