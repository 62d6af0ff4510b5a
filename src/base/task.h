// A coroutine that gives one value: what would be a chain of callbacks reads as plain code from top to bottom.
//
// A task begins when it is awaited, or when start() is called on the outermost one. Destroying a task that has not
// ended destroys what it awaits, too: that is how it is cancelled. An exception comes out where it is awaited.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace podyn::base {

template <typename Value>
class [[nodiscard]] Task {
  public:
    class promise_type;  // the name that the language asks for
    using Frame = std::coroutine_handle<promise_type>;

    explicit Task(Frame frame) noexcept : frame_(frame) {}
    Task(Task &&other) noexcept : frame_(std::exchange(other.frame_, {})) {}
    Task(const Task &) = delete;
    Task &operator=(const Task &) = delete;
    ~Task()
    {
        if (frame_)
            frame_.destroy();
    }

    // For the outermost task: runs until it waits for something, or ends.
    void start() { frame_.resume(); }
    [[nodiscard]] bool done() const noexcept { return frame_.done(); }
    // The value of a task that is done, once; throws what the task threw.
    [[nodiscard]] Value take() { return frame_.promise().take(); }

    // What co_await uses.
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    [[nodiscard]] std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept
    {
        frame_.promise().awaiting = awaiting;
        return frame_;
    }
    [[nodiscard]] Value await_resume() { return take(); }

  private:
    Frame frame_;
};

template <typename Value>
class Task<Value>::promise_type {
  public:
    std::coroutine_handle<> awaiting = std::noop_coroutine();

    Task get_return_object() noexcept { return Task(Frame::from_promise(*this)); }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    auto final_suspend() const noexcept { return Ended{}; }
    void return_value(Value value) { value_ = std::move(value); }
    void unhandled_exception() noexcept { error_ = std::current_exception(); }

    Value take()
    {
        if (error_)
            std::rethrow_exception(error_);
        return std::move(*value_);
    }

  private:
    // Goes on with whoever awaited the task.
    struct Ended {
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        [[nodiscard]] std::coroutine_handle<> await_suspend(Frame frame) const noexcept
        {
            return frame.promise().awaiting;
        }
        void await_resume() const noexcept {}
    };

    std::optional<Value> value_;
    std::exception_ptr error_;
};

}  // namespace podyn::base
