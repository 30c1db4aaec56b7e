#include "tools/calibrate/fit.h"

#include <algorithm>
#include <cmath>

#include "sim/core/assert.h"
#include "tools/calibrate/matrix.h"

namespace penstock::calibrate {
namespace {

/// Half the width of a numerical derivative, and by how much it should move the figures.
constexpr double least_probe = 0.1;
constexpr double most_probe = 0.3;
constexpr double wanted_response = 0.08;
/// Figures are of the same requests, and their errors have causes in common. By 2.5, so that runs
/// simulated with known parameters gave them back within two standard errors.
constexpr double dependence = 2.5;
constexpr double precise = 0.0125;
constexpr double first_sd = 0.03;
constexpr int most_rounds = 3;  // of the figures' own spread
constexpr int most_steps = 20;
constexpr int most_dampings = 6;

class Fitter {
 public:
  Fitter(std::span<const FitParameter> parameters, const Residuals& residuals, double least_sd,
         int draws)
      : parameters_(parameters), residuals_(residuals), least_sd_(least_sd), draws_(draws) {}

  FitResult fit() {
    at_.assign(parameters_.size(), 0.0);
    probes_.assign(parameters_.size(), least_probe);
    now_ = evaluate(at_);
    FitResult out;
    out.before = now_;
    double sd = std::max(first_sd, least_sd_);
    for (int round = 0; round < most_rounds; ++round) {
      sd_ = sd;
      minimise();
      sd = std::max(least_sd_, remaining());
      if (std::fabs(sd / sd_ - 1) < 0.1) {
        break;
      }
    }
    sd_ = sd;
    if (draws_ > 1) {
      settle();
      const double factor = std::max(least_sd_, remaining()) / sd_;
      for (Axis& axis : axes_) {
        axis.curvature /= factor * factor;
      }
    }
    out.after = now_;
    out.parameters = judge();
    out.evaluations = evaluations_;
    return out;
  }

 private:
  /// The mean of points nearby, as many above as below.
  Vector evaluate(const Vector& changes) {
    constexpr double width = 0.01;
    Vector sum;
    for (int draw = 0; draw < draws_; ++draw) {
      const double offset = draws_ > 1 ? width * (2.0 * draw / (draws_ - 1) - 1) : 0;
      Vector at = changes;
      for (std::size_t j = 0; j < at.size(); ++j) {
        at[j] = std::clamp(at[j] + (j % 2 == 0 ? offset : -offset), parameters_[j].lowest,
                           parameters_[j].highest);
      }
      ++evaluations_;
      const Vector values = residuals_(at);
      sum.resize(values.size(), 0.0);
      for (std::size_t i = 0; i < values.size(); ++i) {
        sum[i] += values[i] / draws_;
      }
    }
    return sum;
  }

  double cost(const Vector& changes, const Vector& values) const {
    double sum = 0;
    for (const double value : values) {
      sum += value / sd_ * (value / sd_);
    }
    for (std::size_t j = 0; j < changes.size(); ++j) {
      sum += changes[j] / parameters_[j].prior_sd * (changes[j] / parameters_[j].prior_sd);
    }
    return sum;
  }

  /// What the figures are off by, as a standard deviation: the parameters took their share.
  double remaining() const {
    const auto figures = static_cast<double>(now_.size());
    const auto free = static_cast<double>(parameters_.size());
    const double square = root_mean_square(now_) * root_mean_square(now_);
    // Of few figures the priors, not the parameters, take most: half of them count at least.
    return std::sqrt(square * figures / std::max(figures / 2, figures - free));
  }

  /// The derivatives of all residuals, a row a parameter. What a parameter does must stand out from
  /// the jumps: where it does little, it is moved further the next time.
  Rows derivatives() {
    Rows rows;
    for (std::size_t j = 0; j < parameters_.size(); ++j) {
      Vector low = at_;
      Vector high = at_;
      low[j] = std::max(at_[j] - probes_[j], parameters_[j].lowest);
      high[j] = std::min(at_[j] + probes_[j], parameters_[j].highest);
      const Vector below = evaluate(low);
      Vector row = evaluate(high);
      for (std::size_t i = 0; i < row.size(); ++i) {
        row[i] = (row[i] - below[i]) / (high[j] - low[j]);
      }
      probes_[j] = std::clamp(wanted_response / std::max(root_mean_square(row), 1e-6), least_probe,
                              most_probe);
      rows.push_back(std::move(row));
    }
    return rows;
  }

  /// The normal equations' matrix, prior included.
  Rows curvature(const Rows& slopes) const {
    const std::size_t n = slopes.size();
    Rows out(n, Vector(n, 0.0));
    for (std::size_t j = 0; j < n; ++j) {
      for (std::size_t k = 0; k < n; ++k) {
        for (std::size_t i = 0; i < now_.size(); ++i) {
          out[j][k] += slopes[j][i] * slopes[k][i] / (sd_ * sd_);
        }
      }
      out[j][j] += 1 / (parameters_[j].prior_sd * parameters_[j].prior_sd);
    }
    return out;
  }

  /// Half the cost's gradient.
  Vector gradient(const Rows& slopes) const {
    Vector out(slopes.size(), 0.0);
    for (std::size_t j = 0; j < slopes.size(); ++j) {
      for (std::size_t i = 0; i < now_.size(); ++i) {
        out[j] += slopes[j][i] * now_[i] / (sd_ * sd_);
      }
      out[j] += at_[j] / (parameters_[j].prior_sd * parameters_[j].prior_sd);
    }
    return out;
  }

  bool is_held(std::size_t j, const Vector& slope) const {
    return (at_[j] <= parameters_[j].lowest && slope[j] > 0) ||
           (at_[j] >= parameters_[j].highest && slope[j] < 0);
  }

  /// Where a step with this damping leads, within the bounds.
  Vector step(Rows matrix, const Vector& slope, double damping) const {
    for (std::size_t j = 0; j < matrix.size(); ++j) {
      matrix[j][j] *= 1 + damping;
      for (std::size_t k = 0; k < matrix.size(); ++k) {
        if (j != k && (is_held(j, slope) || is_held(k, slope))) {
          matrix[j][k] = 0;
        }
      }
    }
    const Rows inverted = inverse(std::move(matrix));
    Vector to = at_;
    for (std::size_t j = 0; j < to.size(); ++j) {
      for (std::size_t k = 0; k < to.size() && !is_held(j, slope); ++k) {
        to[j] -= is_held(k, slope) ? 0 : inverted[j][k] * slope[k];
      }
      to[j] = std::clamp(to[j], parameters_[j].lowest, parameters_[j].highest);
    }
    return to;
  }

  void minimise() {
    constexpr double close = 2e-4;
    double damping = 0.01;
    for (int i = 0; i < most_steps; ++i) {
      const Rows slopes = derivatives();
      const Rows matrix = curvature(slopes);
      const Vector slope = gradient(slopes);
      double moved = 0;
      for (int attempt = 0; attempt < most_dampings && moved == 0; ++attempt) {
        const Vector to = step(matrix, slope, damping);
        Vector there = evaluate(to);
        if (cost(to, there) < cost(at_, now_)) {
          for (std::size_t j = 0; j < to.size(); ++j) {
            moved = std::max(moved, std::fabs(to[j] - at_[j]));
          }
          at_ = to;
          now_ = std::move(there);
          damping /= 10;
        } else {
          damping = std::max(damping * 10, 0.01);
        }
      }
      if (moved < close) {
        return;
      }
    }
  }

  /// Parabolas through the cost along the principal axes, the flattest first: where jumps hide the
  /// way from the derivatives, five points apart still show a valley's floor, and its width.
  void settle() {
    constexpr int passes = 3;
    const Vector best = at_;
    const Vector there = now_;
    const double least = cost(at_, now_);
    for (int pass = 0; pass < passes; ++pass) {
      axes_ = principal_axes(curvature(derivatives()));
      for (Axis& axis : axes_) {
        follow(axis);
      }
    }
    if (cost(at_, now_) > least) {  // the jumps, not a floor
      at_ = best;
      now_ = there;
    }
  }

  void follow(Axis& axis) {
    constexpr double furthest = 0.15;  // that a parameter is moved for a look
    double largest = 0;
    for (const double one : axis.direction) {
      largest = std::max(largest, std::fabs(one));
    }
    const double width = std::min(std::sqrt(cost(at_, now_) / axis.curvature), furthest / largest);
    const auto there = [&](double t) {
      Vector to = at_;
      for (std::size_t j = 0; j < to.size(); ++j) {
        to[j] = std::clamp(to[j] + t * width * axis.direction[j], parameters_[j].lowest,
                           parameters_[j].highest);
      }
      return to;
    };
    double linear = 0;
    double square = -2 * cost(at_, now_);
    for (const int t : {-2, -1, 1, 2}) {
      const Vector to = there(t);
      const double value = cost(to, evaluate(to));
      linear += value * t / 10;  // least squares of a parabola through t = -2 ... 2
      square += value * (t * t - 2);
    }
    square /= 14;
    if (square > 0) {
      constexpr double most = 2.5;
      axis.curvature = square / (width * width);
      at_ = there(std::clamp(-linear / (2 * square), -most, most));
      now_ = evaluate(at_);
    }
  }

  /// By the derivatives, and along the axes by the parabolas: whichever is the wider.
  Rows covariance_of(const Rows& matrix) const {
    const Rows by_slopes = inverse(matrix);
    Rows out(at_.size(), Vector(at_.size(), 0.0));
    for (const Axis& axis : axes_) {
      for (std::size_t j = 0; j < at_.size(); ++j) {
        for (std::size_t k = 0; k < at_.size(); ++k) {
          out[j][k] += axis.direction[j] * axis.direction[k] / axis.curvature;
        }
      }
    }
    const auto trace = [](const Rows& rows) {
      double sum = 0;
      for (std::size_t j = 0; j < rows.size(); ++j) {
        sum += rows[j][j];
      }
      return sum;
    };
    return trace(out) > trace(by_slopes) ? out : by_slopes;
  }

  std::vector<FittedParameter> judge() {
    const Rows slopes = derivatives();
    const Rows matrix = curvature(slopes);
    const Rows covariance = covariance_of(matrix);
    const Vector slope = gradient(slopes);
    std::vector<FittedParameter> out;
    for (std::size_t j = 0; j < at_.size(); ++j) {
      FittedParameter one;
      one.change = at_[j];
      one.standard_error =
          std::min(dependence * std::sqrt(covariance[j][j]), parameters_[j].prior_sd);
      one.identified = one.standard_error <= precise                        ? Identified::yes
                       : one.standard_error < 0.5 * parameters_[j].prior_sd ? Identified::weakly
                                                                            : Identified::no;
      one.is_at_bound =
          is_held(j, slope) && std::fabs(slope[j]) / matrix[j][j] > one.standard_error;
      double most = 0.9;
      for (std::size_t k = 0; k < at_.size(); ++k) {
        const double together =
            std::fabs(covariance[j][k]) / std::sqrt(covariance[j][j] * covariance[k][k]);
        if (k != j && together > most) {
          most = together;
          one.traded_with = static_cast<int>(k);
        }
      }
      out.push_back(one);
    }
    return out;
  }

  std::span<const FitParameter> parameters_;
  const Residuals& residuals_;
  double least_sd_;
  int draws_;
  double sd_ = first_sd;
  Vector at_, now_, probes_;
  std::vector<Axis> axes_;
  int evaluations_ = 0;
};

}  // namespace

FitResult fit_parameters(std::span<const FitParameter> parameters, const Residuals& residuals,
                         double least_sd, int draws) {
  PENSTOCK_ASSERT(!parameters.empty() && draws > 0);
  return Fitter(parameters, residuals, least_sd, draws).fit();
}

const char* to_string(Identified identified) {
  return identified == Identified::yes      ? "identified"
         : identified == Identified::weakly ? "weakly identified"
                                            : "not identified";
}

double root_mean_square(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) {
    sum += value * value;
  }
  return values.empty() ? 0 : std::sqrt(sum / static_cast<double>(values.size()));
}

}  // namespace penstock::calibrate
