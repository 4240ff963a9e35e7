// For ThreadSanitizer builds alone: tells it what absl::Mutex, absl::CondVar and absl::Notification order.
//
// Debian's Abseil is not instrumented, so ThreadSanitizer sees no lock in it and takes everything that a mutex guards
// for a race. These definitions come before the shared library's, for our code and for gRPC's, and pass each call on
// with the order that it establishes. The default options leave alone what libraries that are not instrumented do with
// their own memory.
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <cstdlib>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

#define SEEDBED_ABSL "4absl7debian3"  // The namespaces that Debian 12 builds Abseil in, as a symbol spells them.

extern "C" {
const char* __tsan_default_options() { return "ignore_noninstrumented_modules=1:second_deadlock_stack=1"; }
// gRPC hands an operation from the thread that starts it to the one that completes it inside its library, which is not
// instrumented: what its headers compile into our programs looks unordered. Races are ignored where such code itself
// touches the memory, and nowhere above it, so those of our own callbacks are still found.
const char* __tsan_default_suppressions() {
  return "race_top:grpc::internal::\n"
         "race_top:grpc::Server*Reactor\n"
         "race_top:std::function<grpc::Status (void const*)>\n"
         "race_top:std::function<void (bool)>\n"
         "race_top:std::_Function_base::\n"
         "race_top:grpc::ByteBuffer::\n"
         // These call nothing of ours.
         "race:grpc::internal::CallOpSendMessage::FinishOp\n"
         "race:grpc::internal::InterceptorBatchMethodsImpl::\n";
}
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
}

namespace {

// The shared library's definition of a symbol.
template <typename Function>
Function Next(const char* symbol) {
  void* address = dlsym(RTLD_NEXT, symbol);
  if (address == nullptr) abort();
  return reinterpret_cast<Function>(address);
}

#define CALL_NEXT(result, symbol, object, parameters, ...) \
  (([] {                                                   \
    static auto next = Next<result(*) parameters>(symbol); \
    return next;                                           \
  }())(object, ##__VA_ARGS__))

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  CALL_NEXT(void, "_ZN" SEEDBED_ABSL "5Mutex4LockEv", this, (Mutex*));
  __tsan_acquire(this);
}

bool Mutex::TryLock() {
  const bool locked = CALL_NEXT(bool, "_ZN" SEEDBED_ABSL "5Mutex7TryLockEv", this, (Mutex*));
  if (locked) __tsan_acquire(this);
  return locked;
}

void Mutex::Unlock() {
  __tsan_release(this);
  CALL_NEXT(void, "_ZN" SEEDBED_ABSL "5Mutex6UnlockEv", this, (Mutex*));
}

void Mutex::ReaderLock() {
  CALL_NEXT(void, "_ZN" SEEDBED_ABSL "5Mutex10ReaderLockEv", this, (Mutex*));
  __tsan_acquire(this);
}

void Mutex::ReaderUnlock() {
  __tsan_release(this);
  CALL_NEXT(void, "_ZN" SEEDBED_ABSL "5Mutex12ReaderUnlockEv", this, (Mutex*));
}

void Mutex::LockWhen(const Condition& condition) {
  CALL_NEXT(void, "_ZN" SEEDBED_ABSL "5Mutex8LockWhenERKNS0_9ConditionE", this, (Mutex*, const Condition&), condition);
  __tsan_acquire(this);
}

bool Mutex::LockWhenWithTimeout(const Condition& condition, Duration timeout) {
  const bool met = CALL_NEXT(bool, "_ZN" SEEDBED_ABSL "5Mutex19LockWhenWithTimeoutERKNS0_9ConditionENS0_8DurationE",
                             this, (Mutex*, const Condition&, Duration), condition, timeout);
  __tsan_acquire(this);
  return met;
}

bool Mutex::LockWhenWithDeadline(const Condition& condition, Time deadline) {
  const bool met = CALL_NEXT(bool, "_ZN" SEEDBED_ABSL "5Mutex20LockWhenWithDeadlineERKNS0_9ConditionENS0_4TimeE", this,
                             (Mutex*, const Condition&, Time), condition, deadline);
  __tsan_acquire(this);
  return met;
}

void Mutex::Await(const Condition& condition) {
  __tsan_release(this);
  CALL_NEXT(void, "_ZN" SEEDBED_ABSL "5Mutex5AwaitERKNS0_9ConditionE", this, (Mutex*, const Condition&), condition);
  __tsan_acquire(this);
}

bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  __tsan_release(this);
  const bool met = CALL_NEXT(bool, "_ZN" SEEDBED_ABSL "5Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE", this,
                             (Mutex*, const Condition&, Duration), condition, timeout);
  __tsan_acquire(this);
  return met;
}

bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  __tsan_release(this);
  const bool met = CALL_NEXT(bool, "_ZN" SEEDBED_ABSL "5Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE", this,
                             (Mutex*, const Condition&, Time), condition, deadline);
  __tsan_acquire(this);
  return met;
}

// Whoever unlocks evaluates the conditions of those who wait, under the lock and after it was given up as far as
// ThreadSanitizer knows.
bool Condition::Eval() const {
  AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
  const bool met = CALL_NEXT(bool, "_ZNK" SEEDBED_ABSL "9Condition4EvalEv", this, (const Condition*));
  AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  return met;
}

void CondVar::Wait(Mutex* mutex) {
  __tsan_release(mutex);
  CALL_NEXT(void, "_ZN" SEEDBED_ABSL "7CondVar4WaitEPNS0_5MutexE", this, (CondVar*, Mutex*), mutex);
  __tsan_acquire(mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  __tsan_release(mutex);
  const bool timed_out = CALL_NEXT(bool, "_ZN" SEEDBED_ABSL "7CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE",
                                   this, (CondVar*, Mutex*, Duration), mutex, timeout);
  __tsan_acquire(mutex);
  return timed_out;
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  __tsan_release(mutex);
  const bool timed_out = CALL_NEXT(bool, "_ZN" SEEDBED_ABSL "7CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE", this,
                                   (CondVar*, Mutex*, Time), mutex, deadline);
  __tsan_acquire(mutex);
  return timed_out;
}

void Notification::Notify() {
  __tsan_release(this);
  CALL_NEXT(void, "_ZN" SEEDBED_ABSL "12Notification6NotifyEv", this, (Notification*));
}

void Notification::WaitForNotification() const {
  CALL_NEXT(void, "_ZNK" SEEDBED_ABSL "12Notification19WaitForNotificationEv", this, (const Notification*));
  __tsan_acquire(const_cast<Notification*>(this));
}

bool Notification::WaitForNotificationWithTimeout(Duration timeout) const {
  const bool notified =
      CALL_NEXT(bool, "_ZNK" SEEDBED_ABSL "12Notification30WaitForNotificationWithTimeoutENS0_8DurationE", this,
                (const Notification*, Duration), timeout);
  if (notified) __tsan_acquire(const_cast<Notification*>(this));
  return notified;
}

bool Notification::WaitForNotificationWithDeadline(Time deadline) const {
  const bool notified =
      CALL_NEXT(bool, "_ZNK" SEEDBED_ABSL "12Notification31WaitForNotificationWithDeadlineENS0_4TimeE", this,
                (const Notification*, Time), deadline);
  if (notified) __tsan_acquire(const_cast<Notification*>(this));
  return notified;
}

ABSL_NAMESPACE_END
}  // namespace absl
