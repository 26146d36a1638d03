// k-means, nearest neighbours, PCA and boosted trees against scikit-learn, and their identities.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "recipes/kit/stats/gradient_boosting.h"
#include "recipes/kit/stats/kmeans.h"
#include "recipes/kit/stats/neighbors.h"
#include "recipes/kit/stats/pca.h"
#include "tensor/error.h"
#include "tests/golden/stats.h"

namespace roux::stats {
namespace {

using Vector = std::vector<double>;

template <size_t N>
Vector vec(const double (&values)[N]) {
  return {values, values + N};
}

const Matrix kX(36, 3, vec(golden::kPoints));
const Matrix kQueries(5, 3, vec(golden::kQueries));
const Vector kTargets = vec(golden::kTargets);

Matrix random_matrix(int64_t rows, int64_t cols, uint64_t seed) {
  RandomStream random(seed);
  Matrix m(rows, cols);
  for (double& v : m.values) v = random.normal();
  return m;
}

TEST(KMeansTest, AgreesWithScikitLearn) {
  Matrix start(4, 3);
  const int64_t rows[] = {0, 9, 20, 30};
  for (int c = 0; c < 4; ++c) std::copy_n(kX.row(rows[c]).begin(), 3, start.row(c).begin());
  const KMeans result = kmeans_from(kX, start);
  EXPECT_TRUE(result.converged);
  for (int64_t i = 0; i < 36; ++i) EXPECT_EQ(result.labels[i], golden::kKMeansLabels[i]);
  for (int i = 0; i < 12; ++i) EXPECT_NEAR(result.centres.values[i], golden::kKMeansCentres[i], 1e-12);
  EXPECT_NEAR(result.inertia, golden::kKMeansInertia, 1e-10);
  EXPECT_EQ(assign_to_centres(kX, result.centres), result.labels);
}

TEST(KMeansTest, FindsSeparatedClustersAndNeverEmptiesOne) {
  RandomStream random(1);
  Matrix x(60, 2);
  for (int64_t i = 0; i < 60; ++i) {
    x(i, 0) = 20 * static_cast<double>(i % 3) + random.normal();
    x(i, 1) = random.normal();
  }
  const KMeans found = kmeans(x, 3, random);
  EXPECT_TRUE(found.converged);
  for (int64_t i = 3; i < 60; ++i) EXPECT_EQ(found.labels[i], found.labels[i % 3]);
  // Centres far away from everything would lose all rows.
  const KMeans far = kmeans_from(x, Matrix(3, 2, {0, 0, 1e6, 1e6, 2e6, 2e6}));
  std::vector<int64_t> labels = far.labels;
  std::sort(labels.begin(), labels.end());
  EXPECT_EQ(std::unique(labels.begin(), labels.end()) - labels.begin(), 3);
  // As many clusters as rows leave nothing; one cluster is the mean.
  EXPECT_NEAR(kmeans(random_matrix(8, 2, 2), 8, random).inertia, 0, 1e-20);
  EXPECT_NEAR(kmeans(Matrix(2, 1, {1, 3}), 1, random).centres(0, 0), 2, 1e-15);
  EXPECT_EQ(kmeans(Matrix(4, 1, {5, 5, 5, 5}), 2, random).inertia, 0);
  EXPECT_TRUE(kmeans(Matrix(4, 1, {5, 5, 5, 5}), 2, random).converged);
  EXPECT_THROW(kmeans(Matrix(2, 1, {1e300, -1e300}), 1, random), Error);
}

TEST(KMeansTest, EmptiedClustersNeverTakeTheOnlyRowOfAnother) {
  // Two rows around 1, two around 100.5, and two centres that get no row. The first of these takes 4, which
  // leaves 0 alone in its cluster; the second must then split the other pair, though 0 is farther away.
  const KMeans result = kmeans_from(Matrix(4, 1, {0, 4, 100, 101}), Matrix(4, 1, {1, 100.5, 1e6, 2e6}));
  EXPECT_EQ(result.inertia, 0);
  std::vector<double> centres = result.centres.values;
  std::sort(centres.begin(), centres.end());
  EXPECT_EQ(centres, (Vector{0, 4, 100, 101}));
}

TEST(NeighborsTest, AgreeWithScikitLearn) {
  const Neighbors euclidean = nearest_neighbors(kX, kQueries, 4);
  const Neighbors cosine = nearest_neighbors(kX, kQueries, 4, cosine_distance);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(euclidean.indices[i], golden::kEuclideanIndices[i]);
    EXPECT_NEAR(euclidean.distances.values[i], golden::kEuclideanDistances[i], 1e-12);
    EXPECT_EQ(cosine.indices[i], golden::kCosineIndices[i]);
    EXPECT_NEAR(cosine.distances.values[i], golden::kCosineDistances[i], 1e-12);
  }
  const Vector uniform = neighbor_mean(euclidean, kTargets);
  const Vector weighted = neighbor_mean(euclidean, kTargets, true);
  for (int i = 0; i < 5; ++i) {
    EXPECT_NEAR(uniform[i], golden::kKnnMean[i], 1e-12);
    EXPECT_NEAR(weighted[i], golden::kKnnMean[5 + i], 1e-12);
  }
}

TEST(NeighborsTest, EveryRowIsItsOwnNearest) {
  const Neighbors self = nearest_neighbors(kX, kX, 1);
  for (int64_t i = 0; i < 36; ++i) EXPECT_EQ(self.indices[i], i);
  EXPECT_EQ(neighbor_mean(self, kTargets, true), kTargets);
  std::vector<int64_t> labels(36);
  for (int64_t i = 0; i < 36; ++i) labels[i] = i / 12;
  EXPECT_EQ(neighbor_vote(self, labels), labels);
  // Tiny distances are weighted as their ratios are: 1 and 1/9 here.
  const auto gap = [](std::span<const double> a, std::span<const double> b) { return std::abs(a[0] - b[0]); };
  const Neighbors tiny = nearest_neighbors(Matrix(2, 1, {0, 1e-309}), Matrix(1, 1, {1e-310}), 2, gap);
  EXPECT_NEAR(neighbor_mean(tiny, Vector{0, 1}, true)[0], 0.1, 1e-12);
  const auto broken = [](std::span<const double>, std::span<const double>) { return std::sqrt(-1.0); };
  EXPECT_THROW(nearest_neighbors(kX, kQueries, 1, broken), Error);
  // A vote of all rows is a tie: the smallest label.
  EXPECT_EQ(neighbor_vote(nearest_neighbors(kX, kQueries, 36), labels), std::vector<int64_t>(5, 0));
}

TEST(PcaTest, AgreesWithScikitLearn) {
  const Pca p = pca(kX, 2);
  for (int i = 0; i < 6; ++i) EXPECT_NEAR(p.components.values[i], golden::kPcaComponents[i], 1e-11);
  for (int i = 0; i < 2; ++i) {
    EXPECT_NEAR(p.explained_variance[i], golden::kPcaVariance[i], 1e-11);
    EXPECT_NEAR(p.explained_ratio[i], golden::kPcaVariance[2 + i], 1e-12);
  }
  const Matrix coordinates = pca_transform(p, kQueries);
  for (int i = 0; i < 10; ++i) EXPECT_NEAR(coordinates.values[i], golden::kPcaQueries[i], 1e-10);
}

TEST(PcaTest, AllComponentsRebuildTheDataInBothShapes) {
  for (const Matrix& x : {random_matrix(20, 6, 3), random_matrix(6, 20, 4)}) {
    const Pca p = pca(x, std::min(x.rows - 1, x.cols));
    double ratio = 0;
    for (double r : p.explained_ratio) ratio += r;
    EXPECT_NEAR(ratio, 1, 1e-12);
    const Matrix rebuilt = pca_inverse_transform(p, pca_transform(p, x));
    for (size_t i = 0; i < x.values.size(); ++i) EXPECT_NEAR(rebuilt.values[i], x.values[i], 1e-12);
    for (int64_t a = 0; a < p.components.rows; ++a) {
      for (int64_t b = 0; b <= a; ++b) {
        double product = 0;
        for (int64_t j = 0; j < x.cols; ++j) product += p.components(a, j) * p.components(b, j);
        EXPECT_NEAR(product, a == b ? 1 : 0, 1e-12);
      }
    }
  }
}

TEST(PcaTest, DirectionsWithoutVarianceAreOrthonormalToo) {
  // Three different rows in ten dimensions: two directions with variance, and two that only complete the
  // basis.
  Matrix x(5, 10);
  const Matrix rows = random_matrix(3, 10, 6);
  for (int64_t i = 0; i < 5; ++i)
    std::copy_n(rows.row(std::min<int64_t>(i, 2)).begin(), 10, x.row(i).begin());
  for (const Pca& p : {pca(x, 4), pca(Matrix(4, 3, Vector(12, 0.1)), 2)}) {
    for (int64_t a = 0; a < p.components.rows; ++a) {
      for (int64_t b = 0; b <= a; ++b) {
        double product = 0;
        for (int64_t j = 0; j < p.components.cols; ++j) product += p.components(a, j) * p.components(b, j);
        EXPECT_NEAR(product, a == b ? 1 : 0, 1e-12);
      }
    }
  }
  EXPECT_NEAR(pca(x, 4).explained_variance[2], 0, 1e-25);
  EXPECT_EQ(pca(Matrix(4, 3, Vector(12, 0.1)), 2).explained_ratio, (Vector{0, 0}));
}

TEST(PcaTest, FewerThanTenRowsAColumnKeepSmallComponents) {
  // Deviations 1, 10^-1.5, ... 1e-9 along known directions: Walsh columns to the left, a reflection to the
  // right. 64 rows of 7 columns are just below the case of the covariance, which would lose the last three.
  const int64_t rows = 64, cols = 7;
  const auto direction = [](int64_t k, int64_t j) { return (k == j ? 1 : 0) - 2.0 / 7; };
  const auto size = [](int64_t k) { return std::pow(10, -1.5 * static_cast<double>(k)); };
  Matrix x(rows, cols);
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t k = 0; k < cols; ++k) {
      const double sign = __builtin_popcountll(i & (k + 1)) % 2 == 0 ? 1 : -1;
      for (int64_t j = 0; j < cols; ++j) x(i, j) += sign * size(k) * direction(k, j);
    }
  }
  const Pca p = pca(x, cols);
  for (int64_t k = 0; k < cols; ++k) {
    EXPECT_NEAR(p.explained_variance[k] / (64.0 / 63 * size(k) * size(k)), 1, 1e-5) << k;
    double product = 0;
    for (int64_t j = 0; j < cols; ++j) product += p.components(k, j) * direction(k, j);
    EXPECT_NEAR(std::abs(product), 1, 1e-9) << k;
  }
}

TEST(PcaTest, OneRowHasNoComponents) {
  try {
    pca(Matrix(1, 3, {1, 2, 3}), 1);
    ADD_FAILURE() << "one row has no variance";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("f64[1,3], needed at least 2 rows"), std::string::npos)
        << error.what();
  }
  EXPECT_THROW(pca(kX, 0), Error);
  EXPECT_THROW(pca(kX, 4), Error);
}

TEST(BoostingTest, AgreesWithScikitLearn) {
  const Matrix x(90, 3, vec(golden::kBoostX));
  const Vector y = vec(golden::kBoostY);
  const BoostedTrees model = fit_boosted_trees(x, y, {.trees = 50, .learning_rate = 0.2, .min_leaf = 6});
  const Vector predicted = predict(model, Matrix(12, 3, vec(golden::kBoostQueries)));
  for (int i = 0; i < 12; ++i) EXPECT_NEAR(predicted[i], golden::kBoosted[i], 1e-12);
  const int64_t counts[] = {1, 10, 50};
  for (int k = 0; k < 3; ++k) {
    const Vector fitted = predict(model, x, counts[k]);
    double error = 0;
    for (int64_t i = 0; i < 90; ++i) error += (fitted[i] - y[i]) * (fitted[i] - y[i]) / 90;
    EXPECT_NEAR(error, golden::kBoostedTraining[k], 1e-12);
  }
}

TEST(BoostingTest, LeafByLeafAgreesWithScikitLearn) {
  const Matrix x(90, 3, vec(golden::kBoostX));
  const BoostedTrees model =
      fit_boosted_trees(x, vec(golden::kBoostY),
                        {.trees = 50, .learning_rate = 0.2, .max_depth = 90, .max_leaves = 6, .min_leaf = 4});
  const Vector predicted = predict(model, Matrix(12, 3, vec(golden::kBoostQueries)));
  for (int i = 0; i < 12; ++i) EXPECT_NEAR(predicted[i], golden::kBoostedByLeaf[i], 1e-12);
  for (const RegressionTree& tree : model.trees) EXPECT_LE(tree.size(), 11u);  // 6 leaves and 5 splits
}

TEST(BoostingTest, LeafByLeafTakesTheLargestGainFirst) {
  // Splitting 0 0 | 1 1 from 11 11 gains most; of the two leaves then only the left one gains.
  const Matrix x(6, 1, {1, 2, 3, 4, 5, 6});
  const Vector y = {0, 0, 1, 1, 11, 11};
  const auto fit = [&](int64_t leaves, int64_t depth) {
    return fit_boosted_trees(x, y,
                             {.trees = 1, .learning_rate = 1, .max_depth = depth, .max_leaves = leaves});
  };
  EXPECT_EQ(predict(fit(1, 9), x), Vector(6, 4.0));
  EXPECT_EQ(fit(2, 9).trees[0][0].threshold, 4.5);
  EXPECT_EQ(predict(fit(3, 9), x), y);
  EXPECT_EQ(fit(9, 9).trees[0].size(), 5u);  // nothing gains any more
  EXPECT_EQ(fit(9, 1).trees[0].size(), 3u);  // depth still ends it
  // With leaves enough both ways grow the same trees, up to the order of their nodes.
  const Matrix many = random_matrix(60, 3, 7);
  const Vector target(many.values.begin() + 60, many.values.begin() + 120);
  EXPECT_EQ(predict(fit_boosted_trees(many, target, {.trees = 9, .max_leaves = 8}), many),
            predict(fit_boosted_trees(many, target, {.trees = 9}), many));
}

TEST(BoostingTest, KnownCases) {
  // A step is one split; its threshold lies halfway; with learning rate 1 one stump fits it exactly.
  const Matrix x(4, 2, {7, 1, 7, 2, 7, 4, 7, 8});
  const Vector y = {0, 0, 3, 3};
  const BoostedTrees stump = fit_boosted_trees(x, y, {.trees = 1, .learning_rate = 1, .max_depth = 1});
  EXPECT_EQ(stump.trees[0][0].feature, 1);
  EXPECT_EQ(stump.trees[0][0].threshold, 3);
  EXPECT_EQ(predict(stump, x), y);
  // No split where a target or all features are constant.
  EXPECT_EQ(fit_boosted_trees(x, Vector(4, 2.0), {.trees = 1}).trees[0].size(), 1u);
  EXPECT_EQ(fit_boosted_trees(Matrix(3, 1, {1, 1, 1}), Vector{1, 2, 3}, {.trees = 1}).trees[0].size(), 1u);
  EXPECT_EQ(predict(fit_boosted_trees(x, y, {.trees = 0}), x), Vector(4, 1.5));
  // No leaf below its minimum: 4 rows cannot be split into leaves of 3.
  EXPECT_EQ(fit_boosted_trees(x, y, {.trees = 1, .min_leaf = 3}).trees[0].size(), 1u);
  // Subsampled fits repeat with their seed and differ between seeds.
  const Matrix many = random_matrix(50, 3, 5);
  const Vector target(many.values.begin(), many.values.begin() + 50);
  const auto fit = [&](uint64_t seed) {
    return predict(fit_boosted_trees(many, target, {.trees = 5, .subsample = 0.5, .seed = seed}), many);
  };
  EXPECT_EQ(fit(1), fit(1));
  EXPECT_NE(fit(1), fit(2));
}

TEST(StructureTest, MisuseThrows) {
  RandomStream random(1);
  EXPECT_THROW(kmeans(kX, 0, random), Error);
  EXPECT_THROW(kmeans(kX, 37, random), Error);
  EXPECT_THROW(kmeans_from(kX, Matrix(2, 2)), Error);
  EXPECT_THROW(nearest_neighbors(kX, Matrix(1, 2), 1), Error);
  EXPECT_THROW(nearest_neighbors(kX, kQueries, 37), Error);
  EXPECT_THROW(neighbor_mean(nearest_neighbors(kX, kQueries, 1), Vector{1}), Error);
  EXPECT_THROW(pca(kX, 4), Error);
  EXPECT_THROW(pca_transform(pca(kX, 2), Matrix(1, 2)), Error);
  EXPECT_THROW(fit_boosted_trees(kX, Vector{1}), Error);
  EXPECT_THROW(fit_boosted_trees(kX, kTargets, {.subsample = 0}), Error);
  EXPECT_THROW(fit_boosted_trees(kX, kTargets, {.max_leaves = -1}), Error);
  EXPECT_THROW(predict(fit_boosted_trees(kX, kTargets, {.trees = 1}), kX, 2), Error);
}

}  // namespace
}  // namespace roux::stats
