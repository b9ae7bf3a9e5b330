#!/usr/bin/env bash
# Tests that 32 bits or ARM could break, built for ARMv6 and for ARMv7 and run by qemu's user
# emulation, as on a Raspberry Pi Zero's core and on one that has ARMv7's atomics. It is 10 to
# 30 times slower than the machine it runs on. So these are left out, and why:
#
#   tools/...       they run on the machine of who develops
#   daemon          real processes and pairs with the time limits of real machines
#   store           of its tests that repeat a workload for power cuts at every operation, or for
#                   disks that fail there, only those named below: 13 minutes are not enough for them
#   hal/link        TestBytesOfALink: qemu hands no neighbours to the kernel (RTM_NEWNEIGH)
#   hal/sandbox     TestTheKernelHoldsAProcessToItsRules: qemu has no landlock, and cannot run the program that the test builds
#   replica         the simulated pairs (TestPairs, TestRoles), for the same reason as store
#   others          what repeats a workload for every operation or every damage ($sweeps): minutes each, and a
#                   disk counts as too slow after a second
#
# make test-386 runs daemon, store and replica whole, with words of the same size. ARMFLAGS goes
# to go test. Needs qemu-user-static.
set -uo pipefail
cd "$(dirname "$0")/.."
if ! command -v qemu-arm-static >/dev/null; then
  echo "qemu-arm-static is missing: apt-get install qemu-user-static"
  exit 2
fi
go=${GO:-go}
sweeps='^Test(PowerCut.*|EveryOperationFails|Failure|ACopyDeletesLater|EveryDamageIsFound|DamagedPages|HugeTablesAreRefused)$'
failed=0
for core in "6 arm1176" "7 cortex-a7"; do
  read -r arm cpu <<<"$core"
  run() {
    CGO_ENABLED=0 GOARCH=arm GOARM=$arm "$go" test -count=1 -short -timeout 20m -exec "qemu-arm-static -cpu $cpu" ${ARMFLAGS:-} "$@" || failed=1
  }
  echo "== ARMv$arm on an emulated $cpu"
  run -skip "^TestBytesOfALink$|^TestTheKernelHoldsAProcessToItsRules$|$sweeps" ./hal/... ./internal/... ./discovery/... ./daemon/broker ./daemon/config ./replica/epoch ./replica/pair \
    ./store/record ./store/table ./store/archive ./store/index ./store/commitlog ./store/folder
  run -skip '^Test(Pairs|Roles)$' ./replica
  run -run 'Beyond|Giant|Golden|Quota|Mark|Time|Lazy|Level|Ages|Filter|Keys|Offsets' ./store
done
exit $failed
