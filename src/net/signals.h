// libcurl's resolver starts a thread, which inherits the signal mask: without this, the operating system could deliver
// a signal of PostgreSQL's to that thread, where its handler must not run.
#pragma once

#include <csignal>

namespace podyn::net {

class SignalsBlocked {
  public:
    SignalsBlocked() noexcept
    {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SignalsBlocked(const SignalsBlocked &) = delete;
    SignalsBlocked &operator=(const SignalsBlocked &) = delete;

  private:
    sigset_t before_;
};

}  // namespace podyn::net
